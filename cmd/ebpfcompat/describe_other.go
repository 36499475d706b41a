// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !linux || !(amd64 || arm64)

package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/cilium/ebpf"
)

func describeObject(context.Context, []string, io.Writer, io.Writer) (int, error) {
	return 0, errors.New("objects are described on Linux for amd64 and arm64 only")
}

// readObject reads an object.
func readObject(path string) (*ebpf.CollectionSpec, error) {
	spec, err := ebpf.LoadCollectionSpec(path)
	if err != nil {
		return nil, fmt.Errorf("read the object: %w", err)
	}
	if len(spec.Programs) == 0 {
		return nil, fmt.Errorf("read the object: %s: it has no BPF programs", path)
	}
	return spec, nil
}
