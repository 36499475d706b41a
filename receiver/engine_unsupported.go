// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !linux || !(amd64 || arm64)

package receiver

import "github.com/ebpfreceiver/ebpfreceiver/receiver/probe"

func builtin() []probe.Factory { return nil }

func newManager(engineSettings) (engine, error) { return nil, checkPlatform() }
