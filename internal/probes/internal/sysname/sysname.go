// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

// Package sysname names system calls.
package sysname

//go:generate go run ./gen

import "strconv"

// Of is the name of a system call of this architecture, as in "openat"; the number of one
// that is newer than the list.
func Of(nr uint32) string {
	if nr < uint32(len(names)) && names[nr] != "" {
		return names[nr]
	}
	return strconv.FormatUint(uint64(nr), 10)
}
