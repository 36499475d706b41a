// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package filesystem

import "github.com/ebpfreceiver/ebpfreceiver/receiver/probe"

// calls are the system calls of files, each with a pair of programs in the variant fentry.
var calls = [...]string{
	"read", "readv", "pread64", "preadv", "preadv2", "write", "writev", "pwrite64", "pwritev", "pwritev2",
	"open", "creat", "openat", "openat2", "fsync", "fdatasync",
}

// variants are ordered by what they cost: fentry nothing but calls of files, the others a
// little of each system call of the host.
func variants() []probe.Variant {
	loses := []string{
		"what is read and written through mapped memory, io_uring, sendfile, splice or copy_file_range",
		"calls of 32-bit programs",
	}
	fentry := []string{"file_thread_exit"}
	for _, name := range calls {
		fentry = append(fentry, "file_begin_"+name, "file_end_"+name)
	}
	return []probe.Variant{
		{Name: "fentry", Spec: loadObject, Programs: fentry, Loses: loses},
		{Name: "tp_btf", Spec: loadObject, Programs: []string{"file_enter", "file_exit", "file_thread_exit"}, Loses: loses},
		{Name: "raw_tp", Spec: loadObject, Programs: []string{"file_raw_enter", "file_raw_exit", "file_raw_thread_exit"}, Loses: loses},
	}
}
