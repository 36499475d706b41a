// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"

	"github.com/cilium/ebpf/btf"
)

// Open reads a stored kernel: a vmlinuz or vmlinux in any compression, a BTF
// file, a BTF file in a .tar.xz as BTFHub keeps it, or a directory that holds
// one of these and perhaps its configuration and the BTF of its modules.
//
// That a kernel was built without types is no error here: [Kernel.BTF] says so.
func Open(path string) (*Kernel, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	file, dir := path, filepath.Dir(path)
	if info.IsDir() {
		dir = path
		if file, err = kernelIn(path); err != nil {
			return nil, err
		}
	}
	img, err := readStored(file)
	if err != nil {
		return nil, err
	}
	var types *btf.Spec
	if img.btf != nil {
		if types, err = btf.LoadSpecFromReader(bytes.NewReader(img.btf)); err != nil {
			return nil, fmt.Errorf("%s: parse BTF: %w", file, err)
		}
	}

	k := &Kernel{Path: path, Release: releaseOf(img.banner), Arch: img.arch}
	if k.Release == "" {
		k.Release = releaseFromName(file)
	}
	k.fillFromPath(file)
	if k.Distribution == "" {
		k.Distribution = distributionOf(k.Release + " " + img.banner)
	}
	if k.Arch == "" && types != nil {
		k.Arch = archOf(types)
	}
	raw := img.btf
	k.types = func() (*btf.Spec, error) { return types, nil }
	k.rawBTF = func() ([]byte, error) { return raw, nil }
	if types == nil {
		missing := fmt.Errorf("kernel %s: %w", k.Name(), ErrNoBTF)
		k.types = func() (*btf.Spec, error) { return nil, missing }
		k.rawBTF = func() ([]byte, error) { return nil, missing }
	}
	options := img.config
	k.config = sync.OnceValue(func() map[string]string {
		if options != nil {
			return options
		}
		return storedConfig(dir, k.Release)
	})
	if types != nil && (info.IsDir() || filepath.Base(file) == "vmlinux.btf") {
		k.modules = sync.OnceValues(func() ([]*btf.Spec, error) { return storedModules(dir, types) })
	}
	return k, nil
}

// readStored reads a file in any of the known forms. A vmlinux may be larger than
// what is taken into memory: with debug information it has up to a GiB.
func readStored(path string) (*image, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	read := func() (*image, error) {
		data, err := readAll(f)
		if err != nil {
			return nil, err
		}
		return readArchive(path, data)
	}
	magic := make([]byte, len(elf.ELFMAG))
	if _, err := f.ReadAt(magic, 0); err == nil && string(magic) == elf.ELFMAG && info.Size() > maxImage {
		read = func() (*image, error) { return readLargeELF(f) }
	}
	img, err := read()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return img, nil
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := readAll(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return data, nil
}

func readAll(f *os.File) ([]byte, error) {
	var data bytes.Buffer
	if info, err := f.Stat(); err == nil {
		data.Grow(int(min(info.Size(), maxImage)) + bytes.MinRead) // files of sysfs say less than they have
	}
	if _, err := data.ReadFrom(io.LimitReader(f, maxImage+1)); err != nil {
		return nil, err
	}
	if data.Len() > maxImage {
		return nil, fmt.Errorf("more than %d MiB: %w", maxImage>>20, errTooBig)
	}
	return data.Bytes(), nil
}

// kernelIn picks the file of a directory that holds one kernel.
func kernelIn(dir string) (string, error) {
	found, err := kernelsIn(dir)
	switch {
	case err != nil:
		return "", err
	case len(found) == 0:
		return "", fmt.Errorf("%s: no vmlinuz, vmlinux or BTF file in this directory", dir)
	case len(found) > 1:
		return "", fmt.Errorf("%s holds %d kernels, name one of them", dir, len(found))
	}
	return found[0], nil
}

// readArchive reads an image, through a tar file if it is in one.
func readArchive(path string, data []byte) (*image, error) {
	if !strings.Contains(filepath.Base(path), ".tar") {
		return readImage(data)
	}
	plain, err := decompress(data, maxImage)
	if errors.Is(err, errNotCompressed) {
		plain, err = data, nil
	}
	if err != nil {
		return nil, err
	}
	for tr := tar.NewReader(bytes.NewReader(plain)); ; {
		header, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil, errNotKernel
		}
		if err != nil {
			return nil, fmt.Errorf("tar: %w", err)
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		member, err := io.ReadAll(tr) // bounded: it is in memory already
		if err != nil {
			return nil, fmt.Errorf("tar: %s: %w", header.Name, err)
		}
		return readImage(member)
	}
}

// releaseOf takes the release out of a banner ("Linux version 6.1.0 (…") or out
// of a bzImage's version string ("6.1.0 (…").
func releaseOf(banner string) string {
	fields := strings.Fields(strings.TrimPrefix(banner, "Linux version "))
	if len(fields) == 0 {
		return ""
	}
	return fields[0]
}

// releaseFromName takes the release out of a file's name, as in
// "vmlinuz-6.1.0-50-amd64" or BTFHub's "5.4.0-100-generic.btf.tar.xz".
func releaseFromName(path string) string {
	name := filepath.Base(path)
	for _, prefix := range []string{"vmlinuz-", "vmlinux-", "btf-"} {
		name = strings.TrimPrefix(name, prefix)
	}
	for _, suffix := range []string{".tar.xz", ".xz", ".zst", ".gz", ".btf"} {
		name = strings.TrimSuffix(name, suffix)
	}
	if name == "" || name[0] < '0' || name[0] > '9' {
		return ""
	}
	return name
}

// fillFromPath takes distribution and architecture out of BTFHub's layout,
// distribution/version/arch/release.btf.tar.xz.
func (k *Kernel) fillFromPath(file string) {
	parts := strings.Split(filepath.ToSlash(filepath.Clean(file)), "/")
	if !isBTFName(parts[len(parts)-1]) || len(parts) < 4 {
		return
	}
	arch := parts[len(parts)-2]
	switch arch {
	case "x86_64", "aarch64":
	case "amd64":
		arch = "x86_64"
	case "arm64":
		arch = "aarch64"
	default:
		return
	}
	if k.Arch == "" {
		k.Arch = arch
	}
	k.Distribution = parts[len(parts)-4] + " " + parts[len(parts)-3]
}

// archOf tells the machine by a type that only it has: its register file.
func archOf(types *btf.Spec) string {
	var regs *btf.Struct
	if types.TypeByName("pt_regs", &regs) != nil {
		return ""
	}
	for _, m := range regs.Members {
		if m.Name == "orig_ax" {
			return "x86_64"
		}
	}
	var arm *btf.Struct
	if types.TypeByName("user_pt_regs", &arm) == nil {
		return "aarch64"
	}
	return ""
}

// storedConfig looks for the configuration beside a stored kernel.
func storedConfig(dir, release string) map[string]string {
	for _, name := range []string{"config-" + release, "config", ".config", "config.gz"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			continue
		}
		if options, err := parseConfig(data); err == nil {
			return options
		}
	}
	return nil
}

// storedModules reads the split BTF of modules in the folder btf of a kernel's
// directory, one file each, as /sys/kernel/btf has them.
func storedModules(dir string, base *btf.Spec) ([]*btf.Spec, error) {
	entries, err := os.ReadDir(filepath.Join(dir, "btf"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	sort.Slice(entries, func(i, j int) bool { return entries[i].Name() < entries[j].Name() })
	var specs []*btf.Spec
	for _, e := range entries {
		if e.IsDir() || e.Name() == "vmlinux" {
			continue
		}
		path := filepath.Join(dir, "btf", e.Name())
		data, err := readFile(path)
		if err != nil {
			return nil, err
		}
		spec, err := btf.LoadSplitSpecFromReader(bytes.NewReader(data), base)
		if err != nil {
			return nil, fmt.Errorf("%s: parse BTF: %w", path, err)
		}
		specs = append(specs, spec)
	}
	return specs, nil
}
