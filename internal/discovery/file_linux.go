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

// readShort reads a file of /proc that is shorter than room, with no more system calls than that takes.
func readShort(path string, room []byte) (int, error) {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return 0, &os.PathError{Op: "open", Path: path, Err: err}
	}
	n, err := syscall.Read(fd, room)
	_ = syscall.Close(fd)
	if err != nil {
		return 0, &os.PathError{Op: "read", Path: path, Err: err}
	}
	return n, nil
}
