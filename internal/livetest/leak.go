// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package livetest

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"go.uber.org/goleak"
)

// CheckLeaks fails the test if, when all its other cleanups have run, a BPF
// program, map or link exists that did not exist at this call and that no other
// process holds, or a goroutine. Call it first in a test.
func CheckLeaks(t testing.TB) {
	t.Helper()
	before, err := objects()
	if err != nil {
		t.Fatalf("list BPF objects: %v", err)
	}
	goroutines := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		if err := goleak.Find(goroutines); err != nil {
			t.Errorf("goroutines are left: %v", err)
		}
		// The kernel frees after a grace period, which takes long where a processor is
		// emulated.
		var left []string
		for range 300 {
			if left, err = leaked(before); err == nil && len(left) == 0 {
				return
			}
			if !slices.ContainsFunc(left, func(o string) bool { return !ofVariables(o) }) {
				runtime.GC()
			}
			time.Sleep(100 * time.Millisecond)
		}
		if err != nil {
			t.Errorf("list BPF objects: %v", err)
		}
		if len(left) > 0 {
			t.Errorf("BPF objects are left: %s", strings.Join(left, ", "))
		}
	})
}

func leaked(before map[object]string) ([]string, error) {
	after, err := objects()
	if err != nil {
		return nil, err
	}
	for o := range before {
		delete(after, o)
	}
	if len(after) == 0 {
		return nil, nil
	}
	others, err := heldByOthers()
	if err != nil {
		return nil, err
	}
	var left []string
	for o, name := range after {
		if !others[o] {
			left = append(left, fmt.Sprintf("%s %d %s", o.kind, o.id, name))
		}
	}
	slices.Sort(left)
	return left, nil
}

// ofVariables tells of a map that holds the variables of an object. The library maps it
// into memory and lets go of it when the garbage collector finds that nobody uses it any more,
// and not before: that is no leak, but without a collection it would be waited for.
func ofVariables(left string) bool {
	return strings.HasPrefix(left, "map_id ") &&
		(strings.Contains(left, "(.rodata") || strings.Contains(left, "(.data") || strings.Contains(left, "(.bss"))
}

// object is a BPF object in the kernel. kind is as in fdinfo.
type object struct {
	kind string
	id   uint32
}

// objects lists all, with their names.
func objects() (map[object]string, error) {
	found := make(map[object]string)
	err := each(ebpf.ProgramGetNextID, func(id ebpf.ProgramID) error {
		p, err := ebpf.NewProgramFromID(id)
		if err != nil {
			return err
		}
		found[object{"prog_id", uint32(id)}] = p.String()
		return p.Close()
	})
	if err != nil {
		return nil, err
	}
	err = each(ebpf.MapGetNextID, func(id ebpf.MapID) error {
		m, err := ebpf.NewMapFromID(id)
		if err != nil {
			return err
		}
		found[object{"map_id", uint32(id)}] = m.String()
		return m.Close()
	})
	if err != nil {
		return nil, err
	}
	it := new(link.Iterator)
	defer it.Close()
	for it.Next() {
		found[object{"link_id", uint32(it.ID)}] = ""
	}
	return found, it.Err()
}

// each visits all IDs. An object may be gone before it is opened.
func each[ID ~uint32](next func(ID) (ID, error), visit func(ID) error) error {
	for id := ID(0); ; {
		var err error
		id, err = next(id)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := visit(id); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
}
