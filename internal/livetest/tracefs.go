// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package livetest

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Tracefs mounts tracefs where it belongs until the test ends, unless it is
// mounted there already.
func Tracefs(t testing.TB) {
	t.Helper()
	const path = "/sys/kernel/tracing"
	var fs unix.Statfs_t
	require.NoError(t, unix.Statfs(path, &fs))
	if fs.Type == unix.TRACEFS_MAGIC {
		return
	}
	err := unix.Mount("tracefs", path, "tracefs", 0, "")
	if errors.Is(err, unix.EBUSY) {
		return
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, unix.Unmount(path, unix.MNT_DETACH)) })
}
