// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package support

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRecordLibrary(t *testing.T) {
	path := filepath.Join(t.TempDir(), "libraries.json")
	for _, l := range []Library{
		{Library: "OpenSSL", Version: "3.5.9", Arch: "amd64", Kernel: "6.18", Program: "a", Requests: 2},
		{Library: "OpenSSL", Version: "3.5.10", Arch: "amd64", Program: "a"},
		{Library: "OpenSSL", Version: "1.1.1w", Arch: "amd64", Kernel: "6.18", Program: "b", Requests: 4},
		{Library: "Go", Version: "1.9", Arch: "arm64", Program: "c", Unseen: "there is none"},
		{Library: "OpenSSL", Version: "3.5.9", Arch: "amd64", Kernel: "6.18", Program: "a", Requests: 3},
	} {
		require.NoError(t, RecordLibrary(path, l))
	}
	all, err := ReadLibraries(path)
	require.NoError(t, err)
	table := librariesTable(all)
	assert.Contains(t, table, `
| Go | 1.9 | arm64 | c | not seen: there is none |
| OpenSSL | 1.1.1w | amd64 | b | run on Linux 6.18: 4 requests, 4 spans |
| OpenSSL | 3.5.9 | amd64 | a | run on Linux 6.18: 3 requests, 3 spans |
| OpenSSL | 3.5.10 | amd64 | a | places found |
`)
	_, err = ReadLibraries(path + "x")
	assert.Error(t, err)
}
