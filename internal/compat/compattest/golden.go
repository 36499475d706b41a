// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package compattest holds what the tests of every probe share: the list of
// what its object needs of a kernel, kept under review.
package compattest

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/compat"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// Needs compares the needs of all variants of a probe with a golden file, so
// that a change that makes it depend on more of the kernel shows in review. With
// UPDATE_GOLDEN=1 in the environment the file is written.
func Needs(t testing.TB, manifest probe.Manifest, path string) {
	t.Helper()
	var b bytes.Buffer
	for _, v := range manifest.Variants {
		spec, err := v.Whole()
		require.NoError(t, err, "variant %s", v.Name)
		needs, err := compat.Needs(spec, v.Programs)
		require.NoError(t, err, "variant %s", v.Name)
		fmt.Fprintf(&b, "# variant %s\n", v.Name)
		require.NoError(t, compat.WriteNeeds(&b, needs))
	}
	if os.Getenv("UPDATE_GOLDEN") == "1" {
		require.NoError(t, os.WriteFile(path, b.Bytes(), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "write it with UPDATE_GOLDEN=1")
	assert.Equal(t, string(want), b.String(), "what the object needs of a kernel has changed: if it must, write %s with UPDATE_GOLDEN=1", path)
}
