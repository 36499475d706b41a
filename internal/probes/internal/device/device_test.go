// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package device

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNames(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Symlink("../../devices/virtual/block/loop7", filepath.Join(dir, "7:7")))
	d := NewNames(dir)
	assert.Equal(t, "loop7", d.Of(7<<20|7))
	assert.Equal(t, "8:17", d.Of(8<<20|17), "it is gone")
	require.NoError(t, os.Remove(filepath.Join(dir, "7:7")))
	assert.Equal(t, "loop7", d.Of(7<<20|7), "it is remembered")
}
