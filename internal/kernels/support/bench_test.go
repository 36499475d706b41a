// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package support

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/kernel"
)

// BenchmarkOneKernel reads all shipped objects and a kernel's image, and checks the ones
// against the other.
func BenchmarkOneKernel(b *testing.B) {
	paths := fetched(b)
	for b.Loop() {
		set, err := Prepare("x86_64")
		require.NoError(b, err)
		k, err := kernel.Open(paths[len(paths)-1])
		require.NoError(b, err)
		_, err = set.Resolve(k)
		require.NoError(b, err)
	}
}

// BenchmarkHundredKernels is about a directory of a hundred of them.
func BenchmarkHundredKernels(b *testing.B) {
	paths := fetched(b)
	var hundred []string
	for i := range 100 {
		hundred = append(hundred, paths[i%len(paths)])
	}
	for b.Loop() {
		set, err := Prepare("x86_64")
		require.NoError(b, err)
		_, err = set.ResolveFiles(b.Context(), hundred, nil, nil)
		require.NoError(b, err)
	}
}

func fetched(b *testing.B) []string {
	paths, err := filepath.Glob(root + "/.cache/kernels/*-amd64")
	require.NoError(b, err)
	if len(paths) == 0 {
		b.Skip("no kernels in .cache/kernels: run internal/kernels/fetch.sh")
	}
	return paths
}
