// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !linux || !(amd64 || arm64)

package main

import (
	"errors"

	"github.com/ebpfreceiver/ebpfreceiver/internal/compat"
)

// shipped fails: the receiver has no probes for this system.
func shipped() (*compat.Set, error) {
	return nil, errors.New("no probes are shipped for this system: name an object with --object FILE")
}
