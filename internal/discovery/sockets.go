// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"os"
	"slices"
	"strconv"
	"strings"
)

// listeners finds the TCP ports that processes listen on. It remembers the
// sockets of each network namespace, so it is good for one pass over /proc.
type listeners struct {
	fs    procFS
	byNet map[string]map[uint64]uint16
}

// ports lists those of one process.
func (l *listeners) ports(pid uint32) []uint16 {
	dir := l.fs.path(pid, "fd")
	fds, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var ports []uint16
	var sockets map[uint64]uint16
	for _, fd := range fds {
		name, err := os.Readlink(dir + "/" + fd.Name())
		if err != nil || !strings.HasPrefix(name, "socket:[") {
			continue
		}
		inode, err := strconv.ParseUint(name[len("socket:["):len(name)-1], 10, 64)
		if err != nil {
			continue
		}
		// Most processes have no sockets, and need no tables.
		if sockets == nil {
			sockets = l.sockets(pid)
		}
		if port, ok := sockets[inode]; ok && !slices.Contains(ports, port) {
			ports = append(ports, port)
		}
	}
	return ports
}

// sockets gives the listening TCP sockets of the process's network namespace.
func (l *listeners) sockets(pid uint32) map[uint64]uint16 {
	ns, err := os.Readlink(l.fs.path(pid, "ns/net"))
	if err == nil {
		if known, ok := l.byNet[ns]; ok {
			return known
		}
	}
	sockets := make(map[uint64]uint16)
	for _, name := range []string{"net/tcp", "net/tcp6"} {
		text, err := os.ReadFile(l.fs.path(pid, name))
		if err != nil {
			continue // without IPv6 there is no tcp6
		}
		parseListening(string(text), sockets)
	}
	if err == nil {
		if l.byNet == nil {
			l.byNet = make(map[string]map[uint64]uint16)
		}
		l.byNet[ns] = sockets
	}
	return sockets
}

// parseListening adds the sockets in state TCP_LISTEN of a /proc/net/tcp to
// sockets, by inode.
func parseListening(text string, sockets map[uint64]uint16) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 10 || f[3] != "0A" {
			continue
		}
		_, hex, _ := strings.Cut(f[1], ":")
		port, err := strconv.ParseUint(hex, 16, 16)
		if err != nil {
			continue
		}
		if inode, err := strconv.ParseUint(f[9], 10, 64); err == nil {
			sockets[inode] = uint16(port)
		}
	}
}
