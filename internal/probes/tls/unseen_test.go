// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package tls

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Libraries are told by what they have without symbols, too. Whoever links one in has its constants.
func TestLibraryIn(t *testing.T) {
	found := 0
	for pattern, want := range map[string]string{
		"/usr/lib/*/libssl.so.3":         "OpenSSL",
		"/usr/lib/*/android/libssl.so.0": "BoringSSL",
		"/usr/lib/*/libgnutls.so.30":     "",
		"/usr/bin/bash":                  "",
	} {
		paths, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, path := range paths {
			f, err := os.Open(path)
			require.NoError(t, err)
			defer f.Close()
			assert.Equal(t, want, libraryIn(f), path)
			found++
		}
	}
	assert.NotZero(t, found)
	assert.Empty(t, libraryIn(bytes.NewReader([]byte("\x7fELF and no more"))))
	assert.Empty(t, linkedInto(1<<30))
}
