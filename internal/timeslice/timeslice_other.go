// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package timeslice

import "time"

// Set returns [ErrUnsupported].
func Set(time.Duration) error { return ErrUnsupported }
