// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package sysname

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"golang.org/x/sys/unix"
)

func TestOf(t *testing.T) {
	for nr, want := range map[uint32]string{
		unix.SYS_READ: "read", unix.SYS_OPENAT: "openat", unix.SYS_PREAD64: "pread64", unix.SYS_EXIT_GROUP: "exit_group",
		unix.SYS_OPENAT2: "openat2", 100000: "100000",
	} {
		assert.Equal(t, want, Of(nr))
	}
}
