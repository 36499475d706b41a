// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"os"
	"syscall"
)

// fileKey tells one content of a file from another.
type fileKey struct {
	device, inode    uint64
	seconds, nanosec int64 // of the last change
}

func keyOf(f *os.File) (fileKey, bool) {
	info, err := f.Stat()
	if err != nil {
		return fileKey{}, false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fileKey{}, false
	}
	return fileKey{uint64(st.Dev), st.Ino, int64(st.Mtim.Sec), int64(st.Mtim.Nsec)}, true
}
