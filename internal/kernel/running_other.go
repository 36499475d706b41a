// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package kernel

import (
	"context"
	"errors"
)

// Running has no kernel to look at: this is not Linux.
func Running(context.Context) (*Kernel, error) {
	return nil, errors.New("the running kernel is not Linux")
}
