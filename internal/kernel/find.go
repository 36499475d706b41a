// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Find lists the stored kernels under the given files and directories, sorted,
// each to be opened with [Open]. A directory that has BTF files and images, too,
// is taken to have both of the same kernels: then only the BTF files are listed.
//
// Returns an error if there is none.
func Find(paths ...string) ([]string, error) {
	var found []string
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			found = append(found, path)
			continue
		}
		err = filepath.WalkDir(path, func(dir string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return err
			}
			// Module BTF, and what tools keep for themselves.
			if name := d.Name(); dir != path && (name == "btf" && !hasKernelNames(dir) || strings.HasPrefix(name, ".")) {
				return filepath.SkipDir
			}
			here, err := kernelsIn(dir)
			found = append(found, here...)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: no vmlinuz, vmlinux or BTF file", strings.Join(paths, ", "))
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

// kernelsIn lists the kernels that lie in a directory itself.
func kernelsIn(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var types, images []string
	for _, e := range entries {
		switch {
		case e.IsDir():
		case isBTFName(e.Name()):
			types = append(types, filepath.Join(dir, e.Name()))
		case isImageName(e.Name()):
			images = append(images, filepath.Join(dir, e.Name()))
		}
	}
	if len(types) > 0 {
		return types, nil
	}
	return images, nil
}

// hasKernelNames tells a folder called btf that holds kernels from one that
// holds the BTF of modules, which have no ending.
func hasKernelNames(dir string) bool {
	found, err := kernelsIn(dir)
	return err == nil && len(found) > 0
}

// isBTFName tells a BTF file of vmlinux by its name.
func isBTFName(name string) bool {
	return strings.HasSuffix(name, ".btf") || strings.HasSuffix(name, ".btf.tar.xz") || strings.HasSuffix(name, ".btf.tar.gz")
}

// isImageName tells a kernel image by its name.
func isImageName(name string) bool {
	switch name {
	case "vmlinux", "vmlinuz", "Image", "bzImage":
		return true
	}
	return strings.HasPrefix(name, "vmlinuz-") || strings.HasPrefix(name, "vmlinux-")
}
