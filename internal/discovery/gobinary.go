// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"debug/buildinfo"
	"debug/elf"
	"os"
)

// goBinaries remembers which executables are Go programs. It is not safe for
// concurrent use.
type goBinaries map[fileKey]string

const (
	// maxBinaries bounds the memory at some 100 KB.
	maxBinaries    = 1024
	unknownVersion = "unknown"
)

// version is as in "go1.26.8", unknownVersion when it is a Go program whose
// version cannot be read, and empty when it is none. path may be a link in /proc.
func (g goBinaries) version(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	key, ok := keyOf(f)
	if !ok {
		return readGoVersion(f)
	}
	if v, known := g[key]; known {
		return v
	}
	if len(g) >= maxBinaries {
		clear(g)
	}
	v := readGoVersion(f)
	g[key] = v
	return v
}

func readGoVersion(f *os.File) string {
	file, err := elf.NewFile(f)
	if err != nil {
		return "" // not ELF
	}
	// The file is closed by the caller, whose it is.
	if file.Section(".go.buildinfo") == nil {
		return ""
	}
	info, err := buildinfo.Read(f)
	if err != nil || info.GoVersion == "" {
		return unknownVersion
	}
	return info.GoVersion
}
