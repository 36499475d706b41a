// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package tls_test

import (
	"os"
	"regexp"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ebpfreceiver/ebpfreceiver/internal/kernels/support"
)

const libraries = "../../kernels/support/libraries.json"

// record notes for docs/support.md what a live test ran, with UPDATE_LIBRARIES=1: afterwards "make docs".
func record(t *testing.T, l support.Library) {
	t.Helper()
	if t.Failed() || os.Getenv("UPDATE_LIBRARIES") == "" {
		return
	}
	var u unix.Utsname
	require.NoError(t, unix.Uname(&u))
	l.Arch, l.Kernel = runtime.GOARCH, regexp.MustCompile(`^\d+\.\d+`).FindString(unix.ByteSliceToString(u.Release[:]))
	require.NoError(t, support.RecordLibrary(libraries, l))
}

// recordPlaces notes what was found in machine code that does not run here.
func recordPlaces(t *testing.T, l support.Library) {
	t.Helper()
	if !t.Failed() && os.Getenv("UPDATE_LIBRARIES") != "" {
		require.NoError(t, support.RecordLibrary(libraries, l))
	}
}
