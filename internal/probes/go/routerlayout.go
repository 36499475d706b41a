// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package golang

import (
	_ "embed"
	"fmt"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/ebpfreceiver/ebpfreceiver/internal/uprobe"
)

// routerLayouts are where routers put what the kernel's programs read, written by
// scripts/go-routers.sh: a line has a module, the first and the last version that is so, and offsets in
// the order of routerFields. It is the same on amd64 and arm64.
//
//go:embed routers.txt
var routerLayouts string

// member is a field of a struct.
type member struct{ in, field string }

// routerFields are what the offsets are of. Where there are several members one lies in the other.
func routerFields(module string) [][]member {
	switch module {
	case "github.com/gin-gonic/gin":
		return [][]member{{{"nodeValue", "fullPath"}}, {{"nodeValue", "handlers"}}}
	case "github.com/go-chi/chi/v5":
		return [][]member{{{"Context", "routePattern"}}, {{"Context", "RoutePatterns"}}}
	case "github.com/gorilla/mux":
		return [][]member{
			{{"Route", "routeConf"}, {"routeConf", "regexp"}, {"routeRegexpGroup", "path"}},
			{{"routeRegexp", "template"}},
		}
	case "github.com/labstack/echo/v4":
		return [][]member{{{"context", "path"}}, {{"context", "handler"}}}
	}
	return nil
}

// debugged gives the offsets by the program's debugging information, if it has some.
func debugged(f *uprobe.File, module string) ([]uint64, bool) {
	var at []uint64
	for _, members := range routerFields(module) {
		var sum uint64
		for _, m := range members {
			off, ok := f.FieldOffset(module+"."+m.in, m.field)
			if !ok {
				return nil, false
			}
			sum += uint64(off) //nolint:gosec // an offset is not negative
		}
		at = append(at, sum)
	}
	return at, len(at) > 0
}

// release is a version that is no other than "v1.2.3": what lies between two of those may be anything.
type release [3]int

func releaseOf(version string) (r release, ok bool) {
	parts := strings.Split(strings.TrimPrefix(version, "v"), ".")
	if len(parts) != len(r) || !strings.HasPrefix(version, "v") {
		return r, false
	}
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 10, 31)
		if err != nil {
			return r, false
		}
		r[i] = int(n)
	}
	return r, true
}

// routerLayout looks a version up. It gives nothing when the table has it not.
func routerLayout(module, version string) ([]uint64, error) {
	wanted, ok := releaseOf(version)
	if !ok {
		return nil, nil
	}
	for line := range strings.Lines(routerLayouts) {
		words := strings.Fields(line)
		if len(words) < 4 {
			return nil, fmt.Errorf("the table of routers is damaged: %q", line)
		}
		first, ok1 := releaseOf(words[1])
		last, ok2 := releaseOf(words[2])
		if !ok1 || !ok2 {
			return nil, fmt.Errorf("the table of routers is damaged: %q", line)
		}
		if words[0] != module || slices.Compare(wanted[:], first[:]) < 0 || slices.Compare(wanted[:], last[:]) > 0 {
			continue
		}
		at := make([]uint64, len(words)-3)
		for i, w := range words[3:] {
			n, err := strconv.ParseUint(w, 10, 16)
			if err != nil {
				return nil, fmt.Errorf("the table of routers is damaged: %w", err)
			}
			at[i] = n
		}
		return at, nil
	}
	return nil, nil
}

// moduleOf is the version of a module that a program was built with. It is empty when the program has it
// not, and when something else was put in its place.
func moduleOf(f *uprobe.File, path string) string {
	info := f.BuildInfo()
	if info == nil {
		return ""
	}
	at := slices.IndexFunc(info.Deps, func(m *debug.Module) bool { return m.Path == path })
	if at < 0 {
		return ""
	}
	m := info.Deps[at]
	if m.Replace == nil {
		return m.Version
	}
	if m.Replace.Path == path {
		return m.Replace.Version
	}
	return ""
}
