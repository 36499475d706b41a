// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package uprobe

import (
	"bytes"
	"debug/elf"
	"debug/gosym"
	"encoding/binary"
	"errors"
	"fmt"
)

// goTable is .gopclntab: where Go's runtime looks functions up. Stripping leaves it.
type goTable struct {
	funcs []gosym.Func
}

// Words of runtime.moduledata (runtime/symtab.go, the same from Go 1.18 to 1.26): it begins with
// the address of the table, and has that of the first function's code further on.
const (
	moduleText  = 22
	moduleEtext = 23
)

// gopclntab reads the table, once.
func (f *File) gopclntab() (*goTable, error) {
	f.goOnce.Do(func() { f.goTab, f.goErr = f.readGopclntab() })
	return f.goTab, f.goErr
}

func (f *File) readGopclntab() (*goTable, error) {
	s := f.elf.Section(".gopclntab")
	if s == nil {
		s = f.elf.Section(".data.rel.ro.gopclntab") // position-independent, by older linkers
	}
	if s == nil {
		return nil, errors.New("it has no .gopclntab, where Go programs list their functions")
	}
	data, err := s.Data()
	if err != nil {
		return nil, fmt.Errorf("its .gopclntab cannot be read: %w", err)
	}
	t, err := gosym.NewTable(nil, gosym.NewLineTable(data, f.goText(s.Addr)))
	if err != nil {
		return nil, fmt.Errorf("its .gopclntab cannot be read: %w", err)
	}
	if len(t.Funcs) == 0 {
		return nil, errors.New("its .gopclntab is of a form that is not known")
	}
	return &goTable{funcs: t.Funcs}, nil
}

// lookup finds the named functions. What a symbol table had is found again: of two with the
// same name it knows the one that Go code calls.
func (t *goTable) lookup(f *File, wanted map[string]bool, found map[string]Func) {
	for i := range t.funcs {
		g := &t.funcs[i]
		if g.Sym == nil || !wanted[g.Name] || g.End <= g.Entry {
			continue
		}
		off, ok := f.Offset(g.Entry)
		if !ok {
			continue
		}
		fn, known := found[g.Name]
		switch {
		case !known:
			fn = Func{Name: g.Name, Addr: g.Entry, Offset: off}
			fallthrough
		case fn.Addr == g.Entry:
			fn.Size, fn.Go = g.End-g.Entry, true
		default:
			fn.also = append(fn.also, g.Entry)
		}
		found[g.Name] = fn
	}
}

// goText is the address that the table's offsets count from: that of the symbol runtime.text.
// It is the start of .text unless a C linker put other code before it. A stripped program
// still has it in runtime.moduledata.
func (f *File) goText(table uint64) uint64 {
	if addr, ok := f.symbol("runtime.text"); ok {
		return addr
	}
	text := f.elf.Section(".text")
	if text == nil {
		return 0
	}
	inText := func(addr uint64) bool { return addr >= text.Addr && addr-text.Addr <= text.Size }
	for _, module := range f.pointersTo(table) {
		start, ok1 := f.pointer(module + 8*moduleText)
		end, ok2 := f.pointer(module + 8*moduleEtext)
		if ok1 && ok2 && start < end && inText(start) && inText(end) {
			return start
		}
	}
	return text.Addr
}

// symbol is the address of a symbol of any type.
func (f *File) symbol(name string) (uint64, bool) {
	s := f.elf.SectionByType(elf.SHT_SYMTAB)
	if s == nil {
		return 0, false
	}
	symbols, err := f.elf.Symbols()
	if err != nil {
		return 0, false
	}
	for i := range symbols {
		if symbols[i].Name == name {
			return symbols[i].Value, true
		}
	}
	return 0, false
}

// pointersTo lists where the file's data holds an address, in place or by a relocation.
func (f *File) pointersTo(addr uint64) []uint64 {
	var at []uint64
	var word [8]byte
	binary.LittleEndian.PutUint64(word[:], addr)
	for _, s := range f.elf.Sections {
		if s.Type != elf.SHT_PROGBITS || s.Flags&elf.SHF_ALLOC == 0 || s.Flags&elf.SHF_EXECINSTR != 0 {
			continue
		}
		switch s.Name { // where linkers put runtime.moduledata
		case ".go.module", ".noptrdata", ".data", ".data.rel.ro":
		default:
			continue
		}
		data, err := s.Data()
		if err != nil {
			continue
		}
		for off := 0; ; {
			i := bytes.Index(data[off:], word[:])
			if i < 0 {
				break
			}
			if off += i; off%8 == 0 {
				at = append(at, s.Addr+uint64(off))
			}
			off++
		}
	}
	for place, addend := range f.relocations() {
		if addend == addr {
			at = append(at, place)
		}
	}
	return at
}

// pointer is the address that the file's data holds at a place.
func (f *File) pointer(place uint64) (uint64, bool) {
	if addr, ok := f.relocations()[place]; ok {
		return addr, true
	}
	var b [8]byte
	if n, err := f.memory(b[:], place); err != nil || n != len(b) {
		return 0, false
	}
	return binary.LittleEndian.Uint64(b[:]), true
}

// Relative relocations, R_X86_64_RELATIVE and R_AARCH64_RELATIVE: an address without a symbol.
const (
	relativeAMD64 = 8
	relativeARM64 = 1027
	relaSize      = 24
)

// relocations are the addresses that the loader writes, by place. They are read once, of
// position-independent programs.
func (f *File) relocations() map[uint64]uint64 {
	f.relocOnce.Do(func() {
		f.reloc = map[uint64]uint64{}
		if f.elf.Type != elf.ET_DYN {
			return
		}
		for _, s := range f.elf.Sections {
			if s.Type != elf.SHT_RELA {
				continue
			}
			data, err := s.Data()
			if err != nil {
				continue
			}
			for ; len(data) >= relaSize; data = data[relaSize:] {
				kind := uint32(f.elf.ByteOrder.Uint64(data[8:]))
				if kind == relativeAMD64 || kind == relativeARM64 {
					f.reloc[f.elf.ByteOrder.Uint64(data)] = f.elf.ByteOrder.Uint64(data[16:])
				}
			}
		}
	})
	return f.reloc
}
