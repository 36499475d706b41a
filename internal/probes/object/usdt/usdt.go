// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package usdt reads the static probes of executables and libraries: the ELF notes that
// SystemTap's sys/sdt.h defines, https://sourceware.org/systemtap/wiki/UserSpaceProbeImplementation.
package usdt

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// Probe is one place in a file where a static probe is.
type Probe struct {
	Provider, Name string
	// Offset is that of its instruction in the file.
	Offset uint64
	// Semaphore is the offset in the file of the counter that switches it on, 0 if it is always
	// on.
	Semaphore uint64
	// Args says where its arguments are, in the assembler's words, as in "-4@%ebx 8@$5".
	Args string
}

// maxNotes bounds the section of notes in bytes: node.js, which has many, has 20 KiB.
const maxNotes = 4 << 20

// Read lists the probes of a file.
//
// Returns an error if it is no ELF file for a 64-bit little-endian machine, or is broken.
func Read(path string) ([]Probe, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	e, err := elf.NewFile(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	probes, err := read(e)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return probes, nil
}

func read(e *elf.File) ([]Probe, error) {
	if e.Class != elf.ELFCLASS64 || e.ByteOrder != binary.LittleEndian {
		return nil, errors.New("it is not for a 64-bit little-endian machine")
	}
	section := e.Section(".note.stapsdt")
	if section == nil {
		return nil, nil
	}
	if section.Size > maxNotes {
		return nil, fmt.Errorf("its notes have %d bytes, more than %d", section.Size, maxNotes)
	}
	notes, err := section.Data()
	if err != nil {
		return nil, fmt.Errorf("notes of probes: %w", err)
	}
	var base uint64
	if s := e.Section(".stapsdt.base"); s != nil {
		base = s.Addr
	}
	var probes []Probe
	for len(notes) >= 12 {
		nameLen, descLen := uint64(binary.LittleEndian.Uint32(notes)), uint64(binary.LittleEndian.Uint32(notes[4:]))
		kind := binary.LittleEndian.Uint32(notes[8:])
		desc := 12 + align4(nameLen)
		next := desc + align4(descLen)
		if desc+descLen > uint64(len(notes)) {
			return nil, errors.New("notes of probes: one is cut off")
		}
		if kind == 3 && string(bytes.TrimRight(notes[12:12+nameLen], "\x00")) == "stapsdt" {
			p, err := probe(e, notes[desc:desc+descLen], base)
			if err != nil {
				return nil, err
			}
			probes = append(probes, p)
		}
		notes = notes[min(next, uint64(len(notes))):]
	}
	return probes, nil
}

func align4(n uint64) uint64 { return (n + 3) &^ 3 }

// probe reads a note: three addresses and three strings. The addresses are off by as much as
// the section .stapsdt.base was moved after they were written.
func probe(e *elf.File, desc []byte, base uint64) (Probe, error) {
	if len(desc) < 24 {
		return Probe{}, errors.New("notes of probes: one has no addresses")
	}
	at := binary.LittleEndian.Uint64(desc)
	was := binary.LittleEndian.Uint64(desc[8:])
	semaphore := binary.LittleEndian.Uint64(desc[16:])
	if base != 0 && was != 0 {
		at += base - was
		if semaphore != 0 {
			semaphore += base - was
		}
	}
	texts := strings.SplitN(string(desc[24:]), "\x00", 4)
	if len(texts) < 3 {
		return Probe{}, errors.New("notes of probes: one has no name")
	}
	p := Probe{Provider: texts[0], Name: texts[1], Args: texts[2]}
	var ok bool
	if p.Offset, ok = offset(e, at); !ok {
		return Probe{}, fmt.Errorf("probe %s:%s is at the address %#x, where nothing of the file is", p.Provider, p.Name, at)
	}
	if semaphore != 0 {
		if p.Semaphore, ok = offset(e, semaphore); !ok {
			return Probe{}, fmt.Errorf("the semaphore of probe %s:%s is at the address %#x, where nothing of the file is", p.Provider, p.Name, semaphore)
		}
	}
	return p, nil
}

// offset finds where in the file an address is.
func offset(e *elf.File, address uint64) (uint64, bool) {
	i := slices.IndexFunc(e.Progs, func(p *elf.Prog) bool {
		return p.Type == elf.PT_LOAD && address >= p.Vaddr && address-p.Vaddr < p.Memsz
	})
	if i < 0 {
		return 0, false
	}
	return address - e.Progs[i].Vaddr + e.Progs[i].Off, true
}
