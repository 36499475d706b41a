// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package uprobe

import (
	"bytes"
	"debug/elf"
	"fmt"
)

// Func finds one function by name. See [File.Funcs].
//
// Returns [ErrNotFound], wrapped.
func (f *File) Func(name string) (Func, error) {
	found, err := f.Funcs(name)
	if err != nil {
		return Func{}, err
	}
	if fn, ok := found[name]; ok {
		return fn, nil
	}
	return Func{}, fmt.Errorf("%s: %w", name, ErrNotFound)
}

// Funcs finds functions by name: in the symbol tables, else, in a Go program, in .gopclntab.
// What the file does not have is not in the result. Versions of symbols are not looked at.
func (f *File) Funcs(names ...string) (map[string]Func, error) {
	found := make(map[string]Func, len(names))
	wanted := make(map[string]bool, len(names))
	for _, n := range names {
		wanted[n] = true
	}
	isGo := f.elf.Section(".go.buildinfo") != nil || f.elf.Section(".gopclntab") != nil
	for _, kind := range []elf.SectionType{elf.SHT_SYMTAB, elf.SHT_DYNSYM} {
		if err := f.symbols(kind, wanted, found); err != nil {
			return nil, err
		}
	}
	if !isGo {
		return found, nil
	}
	t, err := f.gopclntab()
	if err != nil {
		if len(found) > 0 {
			return found, nil
		}
		return nil, err
	}
	if err := t.lookup(f, wanted, found); err != nil && len(found) == 0 {
		return nil, err
	}
	return found, nil
}

// symbolSize is that of Elf64_Sym.
const symbolSize = 24

// symbols adds the wanted functions of one symbol table to found.
func (f *File) symbols(kind elf.SectionType, wanted map[string]bool, found map[string]Func) error {
	return f.eachSymbol(kind, func(name []byte, info byte, addr, size uint64) {
		if t := elf.ST_TYPE(info); t != elf.STT_FUNC && t != elf.STT_GNU_IFUNC || !wanted[string(name)] {
			return
		}
		fn := Func{Name: string(name), Addr: addr, Size: size}
		_, ok := found[fn.Name]
		if ok {
			return
		}
		if fn.Offset, ok = f.Offset(fn.Addr); ok {
			found[fn.Name] = fn
		}
	})
}

// symbol is the address of a symbol of any type.
func (f *File) symbol(name string) (at uint64, ok bool) {
	err := f.eachSymbol(elf.SHT_SYMTAB, func(found []byte, _ byte, addr, _ uint64) {
		if !ok && string(found) == name {
			at, ok = addr, true
		}
	})
	return at, ok && err == nil
}

// eachSymbol calls do with what the file defines. It makes no string of each name: big programs
// have some hundred thousand.
func (f *File) eachSymbol(kind elf.SectionType, do func(name []byte, info byte, addr, size uint64)) error {
	s := f.elf.SectionByType(kind)
	if s == nil || int(s.Link) >= len(f.elf.Sections) {
		return nil
	}
	table, err := s.Data()
	if err != nil {
		return fmt.Errorf("its symbol table cannot be read: %w", err)
	}
	names, err := f.elf.Sections[s.Link].Data()
	if err != nil {
		return fmt.Errorf("the names of its symbols cannot be read: %w", err)
	}
	order := f.elf.ByteOrder
	for ; len(table) >= symbolSize; table = table[symbolSize:] {
		at, section := order.Uint32(table), order.Uint16(table[6:])
		if uint64(at) >= uint64(len(names)) || section == uint16(elf.SHN_UNDEF) {
			continue
		}
		if end := bytes.IndexByte(names[at:], 0); end >= 0 {
			do(names[at:][:end], table[4], order.Uint64(table[8:]), order.Uint64(table[16:]))
		}
	}
	return nil
}
