// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"bytes"
	"debug/elf"
	"debug/pe"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// image is what is found in a kernel's file.
type image struct {
	btf    []byte            // raw BTF of vmlinux; nil if it is a kernel that has none
	banner string            // "Linux version …", or the release alone; may be empty
	config map[string]string // of CONFIG_IKCONFIG; nil if there is none
	arch   string            // as uname -m; may be empty
}

// errNotKernel says that a file is no kernel in any known form.
var errNotKernel = errors.New("neither BTF nor a kernel image")

// errOldCompression says that a kernel was built with CONFIG_KERNEL_LZMA or
// CONFIG_KERNEL_LZO, which no distribution does.
var errOldCompression = errors.New("compressed as LZMA or LZO, which cannot be read: decompress it first")

// readImage finds the types in a file: raw BTF, an ELF file (vmlinux), a
// bzImage (x86, Documentation/arch/x86/boot.rst), an arm64 Image
// (Documentation/arch/arm64/booting.rst), an EFI zboot image
// (drivers/firmware/efi/libstub/zboot-header.S), a unified kernel image, or one of
// these compressed.
func readImage(data []byte) (*image, error) { return readNested(data, 4, maxImage) }

// readNested is readImage with bounds to how often an image may be wrapped and
// to how many bytes each wrapping may expand.
func readNested(data []byte, depth int, limit int64) (*image, error) {
	if depth == 0 {
		return nil, errors.New("image is wrapped too often")
	}
	if raw, err := rawBTF(data); err == nil {
		return &image{btf: raw}, nil
	}
	if payload, version, ok := bzImage(data); ok {
		inner, err := inflate(payload, depth, limit)
		if err != nil {
			return nil, fmt.Errorf("bzImage: %w", err)
		}
		if inner.banner == "" {
			inner.banner = version
		}
		inner.arch = "x86_64"
		return inner, nil
	}
	if payload, ok := zboot(data); ok {
		inner, err := inflate(payload, depth, limit)
		if err != nil {
			return nil, fmt.Errorf("EFI zboot image: %w", err)
		}
		return inner, nil
	}
	if kernel, ok := unified(data); ok {
		inner, err := readNested(kernel, depth-1, limit)
		if err != nil {
			return nil, fmt.Errorf("unified kernel image: %w", err)
		}
		return inner, nil
	}
	if bytes.HasPrefix(data, []byte(elf.ELFMAG)) {
		return readELF(data)
	}
	if len(data) > 0x40 && string(data[0x38:0x3c]) == "ARM\x64" {
		img, err := scan(data)
		if err != nil {
			return nil, fmt.Errorf("arm64 Image: %w", err)
		}
		img.arch = "aarch64"
		return img, nil
	}
	return inflate(data, depth, limit)
}

func inflate(data []byte, depth int, limit int64) (*image, error) {
	plain, err := decompress(data, limit)
	if errors.Is(err, errNotCompressed) {
		if bytes.HasPrefix(data, []byte("\x5d\x00\x00")) || bytes.HasPrefix(data, []byte("\x89LZO")) {
			return nil, errOldCompression
		}
		return nil, errNotKernel
	}
	if err != nil {
		return nil, err
	}
	return readNested(plain, depth-1, limit)
}

// bzImage gives the compressed payload of an x86 kernel and its version string.
func bzImage(data []byte) (payload []byte, version string, ok bool) {
	const header = 0x250
	if len(data) < header || string(data[0x202:0x206]) != "HdrS" {
		return nil, "", false
	}
	le := binary.LittleEndian
	if le.Uint16(data[0x206:]) < 0x208 { // payload_offset came with protocol 2.08
		return nil, "", false
	}
	sectors := uint64(data[0x1f1])
	if sectors == 0 {
		sectors = 4
	}
	start := (sectors+1)*512 + uint64(le.Uint32(data[0x248:]))
	end := start + uint64(le.Uint32(data[0x24c:]))
	if start >= end || end > uint64(len(data)) {
		return nil, "", false
	}
	if at := uint64(le.Uint16(data[0x20e:])); at != 0 && at+0x200 < uint64(len(data)) {
		s := data[at+0x200:]
		s = s[:min(len(s), 256)]
		if i := bytes.IndexByte(s, 0); i >= 0 {
			version = string(s[:i])
		}
	}
	return data[start:end], version, true
}

// zboot gives the compressed payload of an EFI zboot image.
func zboot(data []byte) ([]byte, bool) {
	if len(data) < 0x40 || string(data[:2]) != "MZ" || string(data[4:8]) != "zimg" {
		return nil, false
	}
	le := binary.LittleEndian
	start := uint64(le.Uint32(data[8:]))
	end := start + uint64(le.Uint32(data[12:]))
	if start >= end || end > uint64(len(data)) {
		return nil, false
	}
	return data[start:end], true
}

// unified gives the kernel in a unified kernel image: a program for EFI with the
// kernel in its section .linux (UAPI Group Specifications, UKI).
func unified(data []byte) ([]byte, bool) {
	if !bytes.HasPrefix(data, []byte("MZ")) {
		return nil, false
	}
	f, err := pe.NewFile(bytes.NewReader(data))
	if err != nil {
		return nil, false
	}
	defer f.Close()
	section := f.Section(".linux")
	if section == nil {
		return nil, false
	}
	kernel, err := section.Data()
	return kernel, err == nil
}

// readELF reads a vmlinux. One that kept its section names has a section .BTF.
func readELF(data []byte) (*image, error) {
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("vmlinux: %w", err)
	}
	defer f.Close()
	img := &image{config: embeddedConfig(data), banner: findBanner(data), arch: machine(f)}
	section := f.Section(".BTF")
	if section == nil {
		found, err := scan(data)
		if err != nil {
			return nil, fmt.Errorf("vmlinux: %w", err)
		}
		found.arch = img.arch
		return found, nil
	}
	if section.Size > uint64(len(data)) && section.Flags&elf.SHF_COMPRESSED == 0 {
		return nil, fmt.Errorf("vmlinux: section .BTF has a size of %d bytes: %w", section.Size, errTooBig)
	}
	if img.btf, err = btfSection(section); err != nil {
		return nil, err
	}
	return img, nil
}

// readLargeELF reads a vmlinux that has debug information, and so its section
// names. Banner and configuration are in .rodata.
func readLargeELF(r io.ReaderAt) (*image, error) {
	f, err := elf.NewFile(r)
	if err != nil {
		return nil, fmt.Errorf("vmlinux: %w", err)
	}
	defer f.Close()
	img := &image{arch: machine(f)}
	if section := f.Section(".BTF"); section != nil {
		if img.btf, err = btfSection(section); err != nil {
			return nil, err
		}
	}
	if section := f.Section(".rodata"); section != nil && section.Type != elf.SHT_NOBITS {
		data, err := io.ReadAll(io.LimitReader(section.Open(), maxImage))
		if err != nil {
			return nil, fmt.Errorf("vmlinux: section .rodata: %w", err)
		}
		img.config, img.banner = embeddedConfig(data), findBanner(data)
	}
	if img.btf == nil && img.banner == "" {
		return nil, fmt.Errorf("vmlinux: %w", ErrNoBTF)
	}
	return img, nil
}

func btfSection(section *elf.Section) ([]byte, error) {
	if section.Size > maxBTF {
		return nil, fmt.Errorf("vmlinux: section .BTF has a size of %d bytes: %w", section.Size, errTooBig)
	}
	raw, err := io.ReadAll(io.LimitReader(section.Open(), maxBTF))
	if err != nil {
		return nil, fmt.Errorf("vmlinux: section .BTF: %w", err)
	}
	if raw, err = rawBTF(raw); err != nil {
		return nil, fmt.Errorf("vmlinux: section .BTF: %w", err)
	}
	return raw, nil
}

// machine is the architecture of an ELF file, as uname -m.
func machine(f *elf.File) string {
	switch f.Machine {
	case elf.EM_X86_64:
		return "x86_64"
	case elf.EM_AARCH64:
		return "aarch64"
	default:
		return ""
	}
}

// maxBTF bounds the types of one kernel. Real ones have 3 to 12 MiB.
const maxBTF = 128 << 20

// btfHeader is how every little-endian BTF begins: magic 0xeb9f, version 1, no
// flags, a header of 24 bytes whose types come first.
var btfHeader = []byte{0x9f, 0xeb, 1, 0, 24, 0, 0, 0, 0, 0, 0, 0}

var errNotBTF = errors.New("not BTF")

// rawBTF checks that data begins with BTF and cuts off what follows it. The
// result is a copy, so that the image around it can be freed.
func rawBTF(data []byte) ([]byte, error) {
	if len(data) < 24 || !bytes.HasPrefix(data, btfHeader) {
		return nil, errNotBTF
	}
	le := binary.LittleEndian
	typeLen := uint64(le.Uint32(data[12:]))
	strOff := uint64(le.Uint32(data[16:]))
	strLen := uint64(le.Uint32(data[20:]))
	end := 24 + strOff + strLen
	// Strings follow the types and begin and end with a zero byte.
	if typeLen == 0 || strLen < 2 || strOff < typeLen || end > uint64(len(data)) || end > maxBTF {
		return nil, errNotBTF
	}
	if data[24+strOff] != 0 || data[end-1] != 0 {
		return nil, errNotBTF
	}
	return bytes.Clone(data[:end]), nil
}

// scan looks for BTF at any place in a plain image: the largest one is that of
// vmlinux.
func scan(data []byte) (*image, error) {
	img := &image{config: embeddedConfig(data), banner: findBanner(data)}
	for at := 0; ; {
		i := bytes.Index(data[at:], btfHeader)
		if i < 0 {
			break
		}
		at += i
		le := binary.LittleEndian
		if len(data)-at >= 24 {
			size := 24 + uint64(le.Uint32(data[at+16:])) + uint64(le.Uint32(data[at+20:]))
			if size > uint64(len(img.btf)) {
				if raw, err := rawBTF(data[at:]); err == nil {
					img.btf = raw
				}
			}
		}
		at += len(btfHeader)
	}
	// What has no banner is no kernel that could have types.
	if img.btf == nil && img.banner == "" {
		return nil, ErrNoBTF
	}
	return img, nil
}

// findBanner finds the kernel's version banner (linux_banner in init/version.c).
func findBanner(data []byte) string {
	for {
		i := bytes.Index(data, []byte("Linux version "))
		if i < 0 {
			return ""
		}
		data = data[i:]
		line := data[:min(len(data), 512)]
		if end := bytes.IndexAny(line, "\n\x00"); end > 0 {
			// A format string of the same words comes first in some images.
			if !bytes.Contains(line[:end], []byte("%s")) {
				return string(line[:end])
			}
		}
		data = data[1:]
	}
}
