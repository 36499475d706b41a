// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package privilege

import (
	"errors"

	"github.com/ebpfreceiver/ebpfreceiver/internal/kernel"
)

// Held is for Linux.
func Held() (kernel.Capabilities, error) { return kernel.Capabilities{}, nil }

// Drop is for Linux.
func Drop([]kernel.Capability) ([]kernel.Capability, error) {
	return nil, errors.New("capabilities are Linux's")
}
