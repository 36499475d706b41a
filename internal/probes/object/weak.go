// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package object

import (
	"bytes"
	"debug/elf"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
)

// strongMaps makes weak maps global, in a copy of an object. The library takes no weak ones,
// which libbpf's usdt.bpf.h has so that several objects can be linked into one.
func strongMaps(data []byte) []byte {
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil || f.Class != elf.ELFCLASS64 {
		return data // who parses it tells what is wrong
	}
	maps := slices.IndexFunc(f.Sections, func(s *elf.Section) bool { return s.Name == ".maps" })
	table := f.SectionByType(elf.SHT_SYMTAB)
	if maps < 0 || table == nil || table.Flags&elf.SHF_COMPRESSED != 0 {
		return data
	}
	symbols, err := f.Symbols() // without the first, which is empty
	if err != nil {
		return data
	}
	var out []byte
	for i, s := range symbols {
		if int(s.Section) != maps || elf.ST_BIND(s.Info) != elf.STB_WEAK {
			continue
		}
		at := table.Offset + uint64(i+1)*elf.Sym64Size + 4 // st_info
		if at >= uint64(len(data)) {
			return data
		}
		if out == nil {
			out = slices.Clone(data)
		}
		out[at] = elf.ST_INFO(elf.STB_GLOBAL, elf.ST_TYPE(s.Info))
	}
	if out == nil {
		return data
	}
	return out
}

// staticFunctions makes hidden functions static, as libbpf does: the verifier checks those at
// each call, with what is known there, and global ones by themselves.
func staticFunctions(spec *ebpf.CollectionSpec, data []byte) {
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return
	}
	symbols, err := f.Symbols()
	if err != nil {
		return
	}
	hidden := map[string]bool{}
	for _, s := range symbols {
		v := elf.ST_VISIBILITY(s.Other)
		if elf.ST_TYPE(s.Info) == elf.STT_FUNC && (v == elf.STV_HIDDEN || v == elf.STV_INTERNAL) {
			hidden[s.Name] = true
		}
	}
	if len(hidden) == 0 {
		return
	}
	for _, p := range spec.Programs {
		for i := range p.Instructions {
			if fn := btf.FuncMetadata(&p.Instructions[i]); fn != nil && hidden[fn.Name] && fn.Linkage == btf.GlobalFunc {
				fn.Linkage = btf.StaticFunc
			}
		}
	}
}
