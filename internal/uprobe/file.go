// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package uprobe

import (
	"debug/buildinfo"
	"debug/elf"
	"debug/gosym"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
)

// File is an executable or a shared library. It is safe for concurrent use.
type File struct {
	r    io.ReaderAt
	elf  *elf.File
	arch arch

	goOnce sync.Once
	goTab  *goTable
	goErr  error

	linesOnce sync.Once
	lines     *gosym.LineTable

	relocOnce sync.Once
	reloc     map[uint64]uint64
}

// Func is a function of a File.
type Func struct {
	Name string
	// Addr is its address as the file's headers have it; Offset is that of its first byte in
	// the file, which the kernel wants.
	Addr, Offset uint64
	// Size in bytes. It is 0 when the file does not tell.
	Size uint64
	// Go tells that Go's compiler made it.
	Go bool
	// also are the addresses of others of that name: Go has wrappers for functions in
	// assembly, from one ABI to the other.
	also []uint64
}

// at tells whether a call of addr is one of the function.
func (fn *Func) at(addr uint64) bool { return addr == fn.Addr || slices.Contains(fn.also, addr) }

// ErrNotFound is returned for a function that a file does not have.
var ErrNotFound = errors.New("no such function")

// ErrArchitecture is returned for a file of an architecture that is neither amd64 nor arm64.
var ErrArchitecture = errors.New("its architecture is neither amd64 nor arm64")

// NewFile reads the headers of an ELF file. r must stay readable while the File is used;
// there is nothing to close.
//
// Returns [ErrArchitecture], or an error when r is no ELF executable or library.
func NewFile(r io.ReaderAt) (*File, error) {
	e, err := elf.NewFile(r)
	if err != nil {
		return nil, fmt.Errorf("not an executable: %w", err)
	}
	f := &File{r: r, elf: e}
	if e.Class != elf.ELFCLASS64 || e.Data != elf.ELFDATA2LSB {
		return nil, ErrArchitecture
	}
	switch e.Machine {
	case elf.EM_X86_64:
		f.arch = amd64{}
	case elf.EM_AARCH64:
		f.arch = arm64{}
	default:
		return nil, ErrArchitecture
	}
	if e.Type != elf.ET_EXEC && e.Type != elf.ET_DYN {
		return nil, fmt.Errorf("not an executable: its type is %s", e.Type)
	}
	return f, nil
}

// Arch is "amd64" or "arm64".
func (f *File) Arch() string { return f.arch.name() }

// GoVersion is the version of the Go toolchain that built the file, as in "go1.26.8". It is
// empty for other programs.
func (f *File) GoVersion() string {
	if info := f.BuildInfo(); info != nil {
		return info.GoVersion
	}
	return ""
}

// BuildInfo is what Go's linker recorded: toolchain, modules, settings. It is nil for other
// programs.
func (f *File) BuildInfo() *buildinfo.BuildInfo {
	if f.elf.Section(".go.buildinfo") == nil {
		return nil
	}
	info, err := buildinfo.Read(f.r)
	if err != nil {
		return nil
	}
	return info
}

// Offset gives the offset in the file of an address, or false when no executable segment
// of the file holds it.
func (f *File) Offset(addr uint64) (uint64, bool) {
	for _, p := range f.elf.Progs {
		if p.Type == elf.PT_LOAD && p.Flags&elf.PF_X != 0 && addr >= p.Vaddr && addr-p.Vaddr < p.Filesz {
			return addr - p.Vaddr + p.Off, true
		}
	}
	return 0, false
}

// memory reads what the file maps at an address, up to the end of its segment. It returns
// less than len(b) there.
func (f *File) memory(b []byte, addr uint64) (int, error) {
	for _, p := range f.elf.Progs {
		if p.Type != elf.PT_LOAD || addr < p.Vaddr || addr-p.Vaddr >= p.Filesz {
			continue
		}
		at := addr - p.Vaddr
		if left := p.Filesz - at; uint64(len(b)) > left {
			b = b[:left]
		}
		n, err := f.r.ReadAt(b, int64(p.Off+at))
		if n == len(b) {
			err = nil
		}
		return n, err
	}
	return 0, fmt.Errorf("nothing of the file is mapped at %#x", addr)
}

const (
	// maxCode bounds what is read of one function. The largest of real programs' functions
	// that anybody probes are some tens of kB.
	maxCode = 1 << 20
	// unknownCode is read of a function whose size is not known.
	unknownCode = 512
)

// code reads the machine code of a function.
func (f *File) code(fn Func) ([]byte, error) {
	size := fn.Size
	switch {
	case size == 0:
		size = unknownCode
	case size > maxCode:
		size = maxCode
	}
	b := make([]byte, size)
	n, err := f.memory(b, fn.Addr)
	if err != nil {
		return nil, fmt.Errorf("the code of %s cannot be read: %w", fn.Name, err)
	}
	return b[:n], nil
}
