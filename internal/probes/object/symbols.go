// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package object

import (
	"bufio"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
)

// symbolizer turns stacks into text, innermost function first, one in a line.
type symbolizer struct {
	kernel *symbols
	files  map[string]*symbols
}

// maxFiles bounds the files whose symbols are kept.
const maxFiles = 64

// maxSymbols bounds the symbols of one file.
const maxSymbols = 1 << 20

func newSymbolizer() *symbolizer { return &symbolizer{files: map[string]*symbols{}} }

// symbol is where a function begins.
type symbol struct {
	address uint64
	name    string
}

// symbols are sorted by address.
type symbols struct {
	all []symbol
	// segments say where parts of a file are loaded.
	segments []elf.ProgHeader
}

// stack gives the text of a stack in a map of stack traces, empty if it is not there. pid is
// the process of a stack of user space, 0 for the kernel's.
func (s *symbolizer) stack(m *ebpf.Map, id int64, pid uint32) string {
	if id < 0 {
		return "" // bpf_get_stackid found none
	}
	raw, err := m.LookupBytes(uint32(id))
	if err != nil || raw == nil {
		return ""
	}
	var maps []mapping
	if pid != 0 {
		maps = mappings(pid)
	}
	var b strings.Builder
	for ; len(raw) >= 8; raw = raw[8:] {
		address := binary.LittleEndian.Uint64(raw)
		if address == 0 {
			break
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		if pid != 0 {
			s.user(&b, address, maps)
		} else {
			s.inKernel(&b, address)
		}
	}
	return b.String()
}

func (s *symbolizer) inKernel(b *strings.Builder, address uint64) {
	if s.kernel == nil {
		s.kernel = kernelSymbols()
	}
	s.kernel.write(b, address, "")
}

func (s *symbolizer) user(b *strings.Builder, address uint64, maps []mapping) {
	i, ok := slices.BinarySearchFunc(maps, address, func(m mapping, a uint64) int { return cmp.Compare(m.start, a) })
	if !ok {
		i--
	}
	if i < 0 || address >= maps[i].end {
		fmt.Fprintf(b, "%#x", address)
		return
	}
	m := &maps[i]
	file := s.file(m)
	inFile := address - m.start + m.offset
	for _, p := range file.segments {
		if inFile >= p.Off && inFile-p.Off < p.Filesz {
			file.write(b, inFile-p.Off+p.Vaddr, m.path)
			return
		}
	}
	fmt.Fprintf(b, "%s+%#x", m.path, inFile)
}

// write writes the function at an address, or the address in the file.
func (s *symbols) write(b *strings.Builder, address uint64, file string) {
	i, ok := slices.BinarySearchFunc(s.all, address, func(s symbol, a uint64) int { return cmp.Compare(s.address, a) })
	if !ok {
		i--
	}
	if i < 0 {
		if file != "" {
			fmt.Fprintf(b, "%s+", file)
		}
		fmt.Fprintf(b, "%#x", address)
		return
	}
	fmt.Fprintf(b, "%s+%#x", s.all[i].name, address-s.all[i].address)
}

// kernelSymbols reads the kernel's functions. Without the right to see addresses there are
// none.
func kernelSymbols() *symbols {
	s := &symbols{}
	f, err := os.Open("/proc/kallsyms")
	if err != nil {
		return s
	}
	defer f.Close()
	for scan := bufio.NewScanner(f); scan.Scan() && len(s.all) < maxSymbols; {
		// ffffffff81000000 T _stext [module]
		fields := strings.Fields(scan.Text())
		if len(fields) < 3 || !strings.ContainsAny(fields[1], "tTwW") {
			continue
		}
		address, err := strconv.ParseUint(fields[0], 16, 64)
		if err != nil || address == 0 {
			continue
		}
		s.all = append(s.all, symbol{address, fields[2]})
	}
	slices.SortFunc(s.all, func(a, b symbol) int { return cmp.Compare(a.address, b.address) })
	return s
}

// mapping is a part of a process's memory that a file is mapped to.
type mapping struct {
	start, end, offset uint64
	path               string // as the process sees it
	open               string // where it can be opened
}

// mappings reads the executable parts of a process's memory, in the order of addresses.
func mappings(pid uint32) []mapping {
	f, err := os.Open(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return nil
	}
	defer f.Close()
	var all []mapping
	for scan := bufio.NewScanner(f); scan.Scan(); {
		// 00400000-00452000 r-xp 00000000 08:02 173521 /usr/bin/dbus-daemon
		fields := strings.Fields(scan.Text())
		if len(fields) < 6 || !strings.Contains(fields[1], "x") {
			continue
		}
		from, to, _ := strings.Cut(fields[0], "-")
		start, err1 := strconv.ParseUint(from, 16, 64)
		end, err2 := strconv.ParseUint(to, 16, 64)
		offset, err3 := strconv.ParseUint(fields[2], 16, 64)
		if errors.Join(err1, err2, err3) != nil {
			continue
		}
		all = append(all, mapping{start, end, offset, fields[5], fmt.Sprintf("/proc/%d/map_files/%s", pid, fields[0])})
	}
	return all
}

// file gives the functions of a mapped file.
func (s *symbolizer) file(m *mapping) *symbols {
	if known := s.files[m.path]; known != nil {
		return known
	}
	if len(s.files) >= maxFiles {
		clear(s.files)
	}
	found := &symbols{}
	s.files[m.path] = found
	if !strings.HasPrefix(m.path, "/") {
		return found // [vdso] and its like
	}
	f, err := elf.Open(m.open)
	if err != nil {
		if f, err = elf.Open(m.path); err != nil {
			return found
		}
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD {
			found.segments = append(found.segments, p.ProgHeader)
		}
	}
	all, _ := f.Symbols()
	dynamic, _ := f.DynamicSymbols()
	for _, e := range append(all, dynamic...) {
		if elf.ST_TYPE(e.Info) == elf.STT_FUNC && e.Value != 0 && len(found.all) < maxSymbols {
			found.all = append(found.all, symbol{e.Value, e.Name})
		}
	}
	slices.SortFunc(found.all, func(a, b symbol) int { return cmp.Compare(a.address, b.address) })
	return found
}
