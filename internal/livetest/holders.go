// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package livetest

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
)

// heldByOthers finds what other processes hold by their descriptors, directly
// or through a link or a program: tests of several packages run side by side.
func heldByOthers() (map[object]bool, error) {
	held := make(map[object]bool)
	infos, err := filepath.Glob("/proc/[0-9]*/fdinfo/*")
	if err != nil {
		return nil, err
	}
	self := "/proc/" + strconv.Itoa(os.Getpid()) + "/"
	for _, path := range infos {
		if strings.HasPrefix(path, self) {
			continue
		}
		// The descriptor or its process may be gone.
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
			if id, err := strconv.ParseUint(strings.TrimSpace(value), 10, 32); err == nil && strings.HasSuffix(key, "_id") {
				held[object{key, uint32(id)}] = true
			}
		}
	}
	for o := range held {
		if o.kind != "prog_id" {
			continue
		}
		for _, id := range mapsOf(ebpf.ProgramID(o.id)) {
			held[object{"map_id", uint32(id)}] = true
		}
	}
	return held, nil
}

func mapsOf(id ebpf.ProgramID) []ebpf.MapID {
	p, err := ebpf.NewProgramFromID(id)
	if err != nil {
		return nil
	}
	defer p.Close()
	info, err := p.Info()
	if err != nil {
		return nil
	}
	ids, _ := info.MapIDs()
	return ids
}
