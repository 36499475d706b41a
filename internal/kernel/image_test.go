// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"bytes"
	"compress/gzip"
	"debug/elf"
	"debug/pe"
	"encoding/binary"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const testBanner = "Linux version 6.1.0-9-amd64 (debian-kernel@lists.debian.org) (gcc-12) #1 SMP\n"

// tinyBTF is the types of a kernel with one struct.
func tinyBTF(t testing.TB, name string) []byte {
	t.Helper()
	b, err := btf.NewBuilder([]btf.Type{&btf.Struct{Name: name, Size: 4, Members: []btf.Member{
		{Name: "pid", Type: &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}},
	}}}, nil)
	require.NoError(t, err)
	raw, err := b.Marshal(nil, nil)
	require.NoError(t, err)
	return raw
}

// tinyELF is a vmlinux with a section .BTF, a banner and a configuration.
func tinyELF(t testing.TB, types []byte) []byte {
	t.Helper()
	names := []byte("\x00.BTF\x00.rodata\x00.shstrtab\x00")
	var config bytes.Buffer
	zw := gzip.NewWriter(&config)
	_, err := io.WriteString(zw, "# comment\nCONFIG_KPROBES=y\nCONFIG_LSM=\"lockdown,bpf\"\n# CONFIG_X is not set\n")
	require.NoError(t, err)
	require.NoError(t, zw.Close())
	data := []byte(testBanner + "IKCFG_ST" + config.String() + "IKCFG_ED")

	header := elf.Header64{
		Type: uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64), Version: 1, Shoff: 64,
		Ehsize: 64, Shentsize: 64, Shnum: 4, Shstrndx: 3,
	}
	copy(header.Ident[:], elf.ELFMAG+"\x02\x01\x01")
	at := uint64(64 + 4*64)
	sections := []elf.Section64{{}}
	for i, content := range [][]byte{types, data, names} {
		sections = append(sections, elf.Section64{
			Name: []uint32{1, 6, 14}[i], Type: uint32(elf.SHT_PROGBITS), Off: at, Size: uint64(len(content)),
		})
		at += uint64(len(content))
	}
	sections[3].Type = uint32(elf.SHT_STRTAB)
	var b bytes.Buffer
	require.NoError(t, binary.Write(&b, binary.LittleEndian, header))
	require.NoError(t, binary.Write(&b, binary.LittleEndian, sections))
	b.Write(types)
	b.Write(data)
	b.Write(names)
	return b.Bytes()
}

// tinyBzImage wraps a payload as arch/x86/boot does, with its size behind it.
func tinyBzImage(payload []byte) []byte {
	const setup = 2
	b := make([]byte, (setup+1)*512+16)
	b[0x1f1] = setup
	copy(b[0x202:], "HdrS")
	le := binary.LittleEndian
	le.PutUint16(b[0x206:], 0x20f)
	le.PutUint16(b[0x20e:], 0x100)
	copy(b[0x300:], "6.1.0-9-amd64 (debian-kernel@lists.debian.org) #1\x00")
	le.PutUint32(b[0x248:], 16)
	le.PutUint32(b[0x24c:], uint32(len(payload)+4))
	b = append(b, payload...)
	return append(b, 1, 2, 3, 4)
}

func tinyZboot(payload []byte) []byte {
	b := make([]byte, 0x40)
	copy(b, "MZ\x00\x00zimg")
	binary.LittleEndian.PutUint32(b[8:], 0x40)
	binary.LittleEndian.PutUint32(b[12:], uint32(len(payload)))
	return append(b, payload...)
}

// tinyUnified is a program for EFI with a kernel in it.
func tinyUnified(t testing.TB, kernel []byte) []byte {
	const header = 0x40
	section := pe.SectionHeader32{SizeOfRawData: uint32(len(kernel)), VirtualSize: uint32(len(kernel)), PointerToRawData: header + 4 + 20 + 40}
	copy(section.Name[:], ".linux")
	b := make([]byte, header)
	copy(b, "MZ")
	binary.LittleEndian.PutUint32(b[0x3c:], header)
	buf := bytes.NewBuffer(append(b, "PE\x00\x00"...))
	require.NoError(t, binary.Write(buf, binary.LittleEndian, pe.FileHeader{Machine: pe.IMAGE_FILE_MACHINE_AMD64, NumberOfSections: 1}))
	require.NoError(t, binary.Write(buf, binary.LittleEndian, section))
	return append(buf.Bytes(), kernel...)
}

// tinyArm64 is an Image that has the BTF of something else, too.
func tinyArm64(t testing.TB, types []byte) []byte {
	b := make([]byte, 0x100)
	copy(b[0x38:], "ARM\x64")
	b = append(b, btfHeader...) // cut short
	b = append(b, tinyBTF(t, "x")...)
	b = append(b, testBanner...)
	b = append(b, types...)
	return append(b, make([]byte, 64)...)
}

func compressions(t testing.TB, data []byte) map[string][]byte {
	t.Helper()
	all := make(map[string][]byte)
	for name, open := range map[string]func(io.Writer) io.WriteCloser{
		"gzip": func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
		"zstd": func(w io.Writer) io.WriteCloser {
			zw, err := zstd.NewWriter(w)
			require.NoError(t, err)
			return zw
		},
		"lz4": func(w io.Writer) io.WriteCloser {
			zw := lz4.NewWriter(w)
			require.NoError(t, zw.Apply(lz4.LegacyOption(true)))
			return zw
		},
	} {
		var b bytes.Buffer
		w := open(&b)
		_, err := w.Write(data)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		all[name] = b.Bytes()
	}
	return all
}

func TestReadImage(t *testing.T) {
	types := tinyBTF(t, "task_struct")
	vmlinux := tinyELF(t, types)
	stripped := bytes.Replace(vmlinux, []byte(".BTF"), []byte(".XYZ"), 1)
	images := map[string][]byte{
		"raw":               types,
		"raw with more":     append(bytes.Clone(types), "trailing"...),
		"vmlinux":           vmlinux,
		"vmlinux, no names": stripped,
		"arm64":             tinyArm64(t, types),
	}
	for name, data := range compressions(t, vmlinux) {
		images["vmlinux."+name] = data
		images["bzImage "+name] = tinyBzImage(data)
		images["zboot "+name] = tinyZboot(data)
		images["vmlinux."+name+" unified"] = tinyUnified(t, tinyBzImage(data))
	}
	for _, name := range []string{"x86.xz", "bz2"} {
		// The BTF of tinyBTF(t, "task_struct"), by xz --check=crc32 --x86 --lzma2 and by bzip2.
		data, err := os.ReadFile("testdata/tiny.btf." + name)
		require.NoError(t, err)
		images[name] = data
	}
	for name, data := range images {
		t.Run(name, func(t *testing.T) {
			img, err := readImage(data)
			require.NoError(t, err)
			assert.Equal(t, types, img.btf)
			switch {
			case strings.HasPrefix(name, "vmlinux"), strings.HasPrefix(name, "bzImage"), strings.HasPrefix(name, "zboot"):
				assert.Equal(t, map[string]string{"CONFIG_KPROBES": "y", "CONFIG_LSM": "lockdown,bpf"}, img.config)
				assert.Equal(t, "x86_64", img.arch)
				assert.Equal(t, "6.1.0-9-amd64", releaseOf(img.banner))
			case name == "arm64":
				assert.Equal(t, "aarch64", img.arch)
				assert.Equal(t, "6.1.0-9-amd64", releaseOf(img.banner))
			}
		})
	}
}

// without is a vmlinux that lacks some words: a section's name, the banner.
func without(t testing.TB, words ...string) []byte {
	data := tinyELF(t, []byte("nothing"))
	for _, word := range words {
		data = bytes.Replace(data, []byte(word), bytes.Repeat([]byte("x"), len(word)), 1)
	}
	return data
}

func TestReadImageRefuses(t *testing.T) {
	types := tinyBTF(t, "task_struct")
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"nothing":           {nil, "neither BTF nor a kernel image"},
		"text":              {[]byte("hello"), "neither BTF nor a kernel image"},
		"cut BTF":           {types[:len(types)-1], "neither BTF nor a kernel image"},
		"no kernel":         {without(t, ".BTF", "Linux version"), ErrNoBTF.Error()},
		"bad section":       {tinyELF(t, []byte("nothing")), "not BTF"},
		"arm64 without BTF": {append(tinyArm64(t, nil)[:0x40:0x40], make([]byte, 64)...), ErrNoBTF.Error()},
		"unified":           {tinyUnified(t, []byte("nothing")), "unified kernel image: neither BTF nor a kernel image"},
		"no unified":        {bytes.Replace(tinyUnified(t, types), []byte(".linux"), []byte(".other"), 1), "neither BTF nor a kernel image"},
		"lzma":              {tinyBzImage([]byte("\x5d\x00\x00\x80\x00nothing")), "bzImage: compressed as LZMA or LZO"},
		"broken gzip":       {[]byte("\x1f\x8bnothing"), "gzip"},
		"broken zstd":       {tinyBzImage([]byte("\x28\xb5\x2f\xfdnothing")), "zstd"},
		"cut ELF":           {[]byte(elf.ELFMAG + "\x02\x01\x01"), "vmlinux"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readImage(c.data)
			assert.ErrorContains(t, err, c.want)
		})
	}
}

func TestDecompressIsBounded(t *testing.T) {
	for name, data := range compressions(t, make([]byte, 1<<20)) {
		t.Run(name, func(t *testing.T) {
			_, err := decompress(data, 1<<16)
			assert.ErrorIs(t, err, errTooBig)
			plain, err := decompress(data, 1<<20)
			require.NoError(t, err)
			assert.Len(t, plain, 1<<20)
		})
	}
}

// FuzzReadImage: any bytes give types that can be parsed, or an error.
func FuzzReadImage(f *testing.F) {
	types := tinyBTF(f, "task_struct")
	vmlinux := tinyELF(f, types)
	f.Add(types)
	f.Add(vmlinux)
	f.Add(tinyArm64(f, types))
	for _, data := range compressions(f, vmlinux) {
		f.Add(tinyBzImage(data))
		f.Add(tinyZboot(data))
		f.Add(tinyUnified(f, tinyBzImage(data)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		img, err := readNested(data, 3, 1<<20)
		if err != nil {
			return
		}
		if len(img.btf) > 1<<20+len(data) {
			t.Fatalf("%d bytes of BTF out of %d", len(img.btf), len(data))
		}
		_ = releaseOf(img.banner)
		spec, err := btf.LoadSpecFromReader(bytes.NewReader(img.btf))
		if err != nil {
			return
		}
		for _, err := range spec.All() {
			if err != nil {
				return
			}
		}
	})
}
