// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package tls

import (
	"debug/elf"
	"encoding/binary"
	"errors"

	"golang.org/x/arch/x86/x86asm"
)

// image is an executable or a library, with its code at the addresses of its headers.
type image struct{ *elf.File }

// bytes reads up to n bytes at an address, fewer at the end of what is in the file.
func (f image) bytes(addr uint64, n int) []byte {
	for _, p := range f.Progs {
		if p.Type != elf.PT_LOAD || addr < p.Vaddr || addr >= p.Vaddr+p.Filesz {
			continue
		}
		b := make([]byte, min(uint64(n), p.Vaddr+p.Filesz-addr))
		if got, _ := p.ReadAt(b, int64(addr-p.Vaddr)); got == len(b) {
			return b
		}
	}
	return nil
}

// offset is the place in the file of the code at an address.
func (f image) offset(addr uint64) (uint64, bool) {
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD && p.Flags&elf.PF_X != 0 && addr >= p.Vaddr && addr < p.Vaddr+p.Filesz {
			return addr - p.Vaddr + p.Off, true
		}
	}
	return 0, false
}

// pointer is the address that the loader writes at an address, for a file that may
// be loaded anywhere, or the one that is in the file.
func (f image) pointer(addr uint64) uint64 {
	if s := f.SectionByType(elf.SHT_RELA); f.Type == elf.ET_DYN && s != nil {
		for _, s := range f.Sections {
			if s.Type != elf.SHT_RELA {
				continue
			}
			table, err := s.Data()
			if err != nil {
				continue
			}
			const entry = 24 // where, what, addend
			n := len(table) / entry
			at := func(i int) uint64 { return binary.LittleEndian.Uint64(table[i*entry:]) }
			for i := range n {
				if at(i) == addr && binary.LittleEndian.Uint32(table[i*entry+8:]) == uint32(elf.R_X86_64_RELATIVE) {
					return binary.LittleEndian.Uint64(table[i*entry+16:])
				}
			}
		}
	}
	if b := f.bytes(addr, 8); len(b) == 8 {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// inst is an instruction of amd64 at its address.
type inst struct {
	x86asm.Inst
	addr uint64
}

// target is where a direct call or jump leads to, or 0.
func (i *inst) target() uint64 {
	if rel, ok := i.Args[0].(x86asm.Rel); ok {
		return i.addr + uint64(i.Len) + uint64(int64(rel))
	}
	return 0
}

// mem gives an operand that is [base + disp], without an index.
func (i *inst) mem(arg int) (base x86asm.Reg, disp int64, ok bool) {
	m, ok := i.Args[arg].(x86asm.Mem)
	if !ok || m.Index != 0 || m.Base == 0 || m.Segment != 0 {
		return 0, 0, false
	}
	return m.Base, m.Disp, true
}

// code is what is known of a function: its instructions, in the order of addresses.
type code []inst

var errCode = errors.New("the machine code is not that of a function that is known")

// function decodes what is at an address, up to size bytes. Without a size the
// function ends where the next one may begin: behind a jump or return, at an address
// that is a multiple of 16 and that nothing before leads across.
func (f image) function(addr, size uint64) code {
	const most = 16 << 10
	known := size != 0
	if !known || size > most {
		size = most
	}
	raw := f.bytes(addr, int(size))
	var c code
	var furthest uint64
	for at := 0; at < len(raw); {
		in, err := x86asm.Decode(raw[at:], 64)
		if err != nil || in.Len == 0 {
			in.Len = 1 // what the decoder does not know, as some vector instructions
		}
		i := inst{in, addr + uint64(at)}
		c = append(c, i)
		at += in.Len
		if known {
			continue
		}
		if in.Op != x86asm.CALL {
			if t := i.target(); t > furthest && t < addr+most {
				furthest = t
			}
		}
		end := in.Op == x86asm.RET || in.Op == x86asm.JMP || in.Op == x86asm.UD2 || in.Op == x86asm.NOP || in.Op == x86asm.CALL
		if next := addr + uint64(at); end && next%16 == 0 && next > furthest && (in.Op != x86asm.CALL || f.begins(raw[at:])) {
			break
		}
	}
	return c
}

// begins tells whether a function may begin here, behind a call that does not return.
func (f image) begins(b []byte) bool {
	in, err := x86asm.Decode(b, 64)
	return err == nil && (in.Op == x86asm.PUSH || in.Op == x86asm.SUB)
}
