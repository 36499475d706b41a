// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package main

import (
	"fmt"
	"os"

	"github.com/cilium/ebpf"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/object"
)

// readObject reads an object as the receiver does.
func readObject(path string) (*ebpf.CollectionSpec, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the object: %w", err)
	}
	spec, err := object.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("read the object: %s: %w", path, err)
	}
	return spec, nil
}
