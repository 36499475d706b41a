// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package uprobe

import (
	"bufio"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// goTable is .gopclntab: where Go's runtime looks functions up (runtime/symtab.go, cmd/link/internal/ld/pcln.go).
// Stripping leaves it. It has some tens of MB in big programs, of which little is wanted: it is read in passing.
type goTable struct {
	r    io.ReaderAt // the section
	size int64
	text uint64 // what the offsets of code count from; 0 where they are addresses
	// The number of functions; where names begin and end; where the index of functions begins, from where
	// the offsets in it count, too; how wide its fields are.
	funcs, names, namesEnd, index, width int64
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

// The first word of the table: what changed with Go 1.16, 1.18, and 1.20.
const (
	magic116 = 0xfffffffa
	magic118 = 0xfffffff0
	magic120 = 0xfffffff1
)

var errForm = errors.New("its .gopclntab is of a form that is not known")

func (f *File) gopclntabSection() *elf.Section {
	if s := f.elf.Section(".gopclntab"); s != nil {
		return s
	}
	return f.elf.Section(".data.rel.ro.gopclntab") // position-independent, by older linkers
}

func (f *File) readGopclntab() (*goTable, error) {
	s := f.gopclntabSection()
	if s == nil {
		return nil, errors.New("it has no .gopclntab, where Go programs list their functions")
	}
	if s.Flags&elf.SHF_COMPRESSED != 0 {
		return nil, errForm
	}
	t, err := newGoTable(s, int64(s.Size))
	if err != nil {
		return nil, err
	}
	if t.width == 4 {
		t.text = f.goText(s.Addr)
	}
	return t, nil
}

func newGoTable(r io.ReaderAt, size int64) (*goTable, error) {
	t := &goTable{r: r, size: size}
	var header [8 + 8*8]byte
	if _, err := r.ReadAt(header[:], 0); err != nil {
		return nil, fmt.Errorf("its .gopclntab cannot be read: %w", err)
	}
	word := func(n int) int64 { return int64(binary.LittleEndian.Uint64(header[8+8*n:])) }
	first := 3 // the first of the offsets of its parts
	switch binary.LittleEndian.Uint32(header[:]) {
	case magic116:
		first, t.width = 2, 8
	case magic118, magic120:
		t.width = 4
	default:
		return nil, errForm
	}
	t.funcs, t.names, t.namesEnd, t.index = word(0), word(first), word(first+1), word(first+4)
	if header[7] != 8 || t.names < 0 || t.namesEnd < t.names || t.namesEnd > size || t.index < 0 || t.index > size ||
		t.funcs <= 0 || t.funcs > (size-t.index)/(2*t.width) {
		return nil, errForm
	}
	return t, nil
}

// each calls do for the functions of these names, in the order of their addresses.
func (t *goTable) each(wanted map[string]bool, do func(name string, entry, end uint64)) error {
	names, err := t.find(wanted)
	if err != nil || len(names) == 0 {
		return err
	}
	index, about := window{r: t.r, end: t.size}, window{r: t.r, end: t.size}
	field := func(b []byte) uint64 {
		if t.width == 4 {
			return uint64(binary.LittleEndian.Uint32(b))
		}
		return binary.LittleEndian.Uint64(b)
	}
	for i := range t.funcs {
		// Entry and offset of this one, and the entry of the next one or the end of all.
		row, err := index.at(t.index+2*i*t.width, 3*t.width)
		if err != nil {
			return err
		}
		entry, at, end := field(row), field(row[t.width:]), field(row[2*t.width:])
		if at > uint64(t.size) {
			return errForm
		}
		// What is told of a function begins with its entry, of the same width, and the offset of its name.
		told, err := about.at(t.index+int64(at)+t.width, 4)
		if err != nil {
			return err
		}
		if name, ok := names[binary.LittleEndian.Uint32(told)]; ok {
			do(name, t.text+entry, t.text+end)
		}
	}
	return nil
}

// find gives the wanted names by their offsets among all.
func (t *goTable) find(wanted map[string]bool) (map[uint32]string, error) {
	found := map[uint32]string{}
	r := bufio.NewReaderSize(io.NewSectionReader(t.r, t.names, t.namesEnd-t.names), windowSize)
	at, whole := uint32(0), true
	for {
		name, err := r.ReadSlice(0)
		if err == nil && whole && wanted[string(name[:len(name)-1])] {
			found[at] = string(name[:len(name)-1])
		}
		at += uint32(len(name))
		switch whole = err == nil; {
		case err == nil, errors.Is(err, bufio.ErrBufferFull): // none that is wanted is as long
		case errors.Is(err, io.EOF):
			return found, nil
		default:
			return nil, fmt.Errorf("its .gopclntab cannot be read: %w", err)
		}
	}
}

// lookup finds the named functions. What a symbol table had is found again: of two with the
// same name it knows the one that Go code calls.
func (t *goTable) lookup(f *File, wanted map[string]bool, found map[string]Func) error {
	return t.each(wanted, func(name string, entry, end uint64) {
		off, ok := f.Offset(entry)
		if !ok || end <= entry {
			return
		}
		fn, known := found[name]
		switch {
		case !known:
			fn = Func{Name: name, Addr: entry, Offset: off}
			fallthrough
		case fn.Addr == entry:
			fn.Size, fn.Go = end-entry, true
		default:
			fn.also = append(fn.also, entry)
		}
		found[name] = fn
	})
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
