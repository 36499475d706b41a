// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package kernels

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// archive builds an initramfs: a cpio archive in the form "newc"
// (Documentation/driver-api/early-userspace/buffer-format.rst).
type archive struct {
	buf   bytes.Buffer
	inode int
	dirs  []string
}

// dir adds a directory and those above it.
func (a *archive) dir(name string) {
	name = strings.Trim(path.Clean(name), "/")
	if name == "." || name == "" || slices.Contains(a.dirs, name) {
		return
	}
	a.dir(path.Dir(name))
	a.dirs = append(a.dirs, name)
	a.entry(name, 0o040755, nil)
}

// file adds a file and the directories above it.
func (a *archive) file(name string, mode fs.FileMode, data []byte) {
	a.dir(path.Dir(name))
	a.entry(strings.Trim(name, "/"), 0o100000|uint32(mode.Perm()), data)
}

func (a *archive) entry(name string, mode uint32, data []byte) {
	a.inode++
	fmt.Fprintf(&a.buf, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
		a.inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name)+1, 0, name)
	a.pad()
	a.buf.Write(data)
	a.pad()
}

func (a *archive) pad() {
	for a.buf.Len()%4 != 0 {
		a.buf.WriteByte(0)
	}
}

// bytes ends the archive.
func (a *archive) bytes() []byte {
	a.inode = -1
	a.entry("TRAILER!!!", 0, nil)
	return a.buf.Bytes()
}
