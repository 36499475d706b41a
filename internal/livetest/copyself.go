// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package livetest

import (
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// CopySelf makes a copy of the test binary that every user can run, which go test's
// own folder does not let them.
func CopySelf(t testing.TB, path string) {
	t.Helper()
	in, err := os.Open("/proc/self/exe")
	require.NoError(t, err)
	defer in.Close()
	out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755)
	require.NoError(t, err)
	_, err = io.Copy(out, in)
	require.NoError(t, err)
	require.NoError(t, out.Close())
}
