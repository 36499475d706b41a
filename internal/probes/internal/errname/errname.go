// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package errname names error numbers as the attribute error.type has them.
package errname

import "golang.org/x/sys/unix"

// Of is the name of an errno, as "ENOSPC", or _OTHER (semantic conventions, error.type).
func Of(errno uint32) string {
	if name := unix.ErrnoName(unix.Errno(errno)); name != "" {
		return name
	}
	return "_OTHER"
}
