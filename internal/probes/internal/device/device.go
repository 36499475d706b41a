// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package device names block devices.
package device

import (
	"fmt"
	"os"
	"path/filepath"
)

// Names knows the names of devices, by what the kernel's dev_t has: the major number above
// 20 bits of the minor one. It is used on one goroutine.
type Names struct {
	path  string
	names map[uint32]string
}

// BlockDevices is where sysfs has the names of block devices.
const BlockDevices = "/sys/dev/block"

// NewNames makes an empty one, which reads links in the folder that is called
// [BlockDevices] on a running system.
func NewNames(path string) *Names { return &Names{path: path, names: map[uint32]string{}} }

// maxNames bounds what is remembered.
const maxNames = 4096

// Of is the name that a device has in /dev, or its numbers, as in "0:45", when it has none
// or is gone.
func (d *Names) Of(device uint32) string {
	if name, ok := d.names[device]; ok {
		return name
	}
	name := fmt.Sprintf("%d:%d", device>>20, device&(1<<20-1))
	if target, err := os.Readlink(filepath.Join(d.path, name)); err == nil {
		name = filepath.Base(target)
	}
	if len(d.names) < maxNames {
		d.names[device] = name
	}
	return name
}
