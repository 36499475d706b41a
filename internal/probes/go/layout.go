// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package golang

import (
	_ "embed"
	"fmt"
	"runtime"
	"strconv"
	"strings"

	"github.com/ebpfreceiver/ebpfreceiver/internal/uprobe"
)

// layouts are where toolchains put what the kernel's programs read, written by
// scripts/go-layouts.sh: a line has a minor version of Go 1 and the offset of curg in
// struct runtime.m, which is the same on amd64 and arm64.
//
//go:embed layouts.txt
var layouts string

// oldest are the first versions whose functions take arguments in registers, by
// architecture (release notes of Go 1.17 and 1.18).
func oldest(arch string) int {
	if arch == "arm64" {
		return 18
	}
	return 17
}

// minorOf reads a version like "go1.26.8" or "go1.27-devel_abc X:foo".
func minorOf(version string) (int, bool) {
	rest, ok := strings.CutPrefix(version, "go1.")
	if !ok {
		return 0, false
	}
	end := 0
	for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
		end++
	}
	minor, err := strconv.Atoi(rest[:end])
	return minor, err == nil
}

// curgOf is the offset of curg in struct runtime.m of a Go program, by its toolchain's
// version. Of one that is newer than all that are known it is what the program's debugging
// information says, else that of the newest; the kernel's program finds out when it is wrong.
func curgOf(f *uprobe.File) (uint32, error) {
	version := f.GoVersion()
	minor, ok := minorOf(version)
	if !ok {
		return 0, fmt.Errorf("the version of its toolchain cannot be told from %q", version)
	}
	if first := oldest(runtime.GOARCH); minor < first {
		return 0, fmt.Errorf("it was built with %s, and arguments are in registers since Go 1.%d", version, first)
	}
	off, known, err := layoutOf(minor)
	if err != nil || known {
		return off, err
	}
	if found, ok := f.FieldOffset("runtime.m", "curg"); ok {
		return uint32(found), nil
	}
	return off, nil
}

// layoutOf looks a minor version up. known is false when the table ends before it.
func layoutOf(minor int) (off uint32, known bool, err error) {
	for line := range strings.Lines(layouts) {
		var at int
		var curg uint32
		if _, err := fmt.Sscan(line, &at, &curg); err != nil {
			return 0, false, fmt.Errorf("the table of layouts is damaged: %w", err)
		}
		if at <= minor {
			off, known = curg, at == minor
		}
	}
	return off, known, nil
}
