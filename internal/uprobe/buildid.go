// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package uprobe

import (
	"bytes"
	"debug/elf"
	"encoding/hex"
)

// Types of notes: NT_GNU_BUILD_ID of elf.h, and that of Go's linker (cmd/internal/buildid).
const (
	noteGNU = 3
	noteGo  = 4
	// maxNotes bounds what is read of a note segment; real ones have some hundred bytes.
	maxNotes = 64 << 10
)

// BuildID is the GNU build ID in hexadecimal, else Go's build ID as it stands, else empty.
func (f *File) BuildID() string {
	gnu, golang := "", ""
	for _, p := range f.elf.Progs {
		if p.Type != elf.PT_NOTE || p.Filesz > maxNotes {
			continue
		}
		b := make([]byte, p.Filesz)
		if _, err := f.r.ReadAt(b, int64(p.Off)); err != nil {
			continue
		}
		notes(b, f.elf.ByteOrder.Uint32, func(name string, kind uint32, desc []byte) {
			switch {
			case name == "GNU" && kind == noteGNU && gnu == "":
				gnu = hex.EncodeToString(desc)
			case name == "Go" && kind == noteGo && golang == "":
				golang = string(desc)
			}
		})
	}
	if gnu != "" {
		return gnu
	}
	return golang
}

// notes calls do for each note of a segment (ELF gABI, "Note Section"). Padding is to 4
// bytes, as GNU and Go write it in segments that are aligned so; others are skipped over
// by their sizes all the same.
func notes(b []byte, u32 func([]byte) uint32, do func(name string, kind uint32, desc []byte)) {
	pad := func(n uint32) uint64 { return (uint64(n) + 3) &^ 3 }
	for len(b) >= 12 {
		nameLen, descLen, kind := u32(b), u32(b[4:]), u32(b[8:])
		b = b[12:]
		if pad(nameLen)+uint64(descLen) > uint64(len(b)) {
			return
		}
		name := string(bytes.TrimRight(b[:nameLen], "\x00"))
		desc := b[pad(nameLen):][:descLen]
		do(name, kind, desc)
		end := pad(nameLen) + pad(descLen)
		if end > uint64(len(b)) {
			return
		}
		b = b[end:]
	}
}
