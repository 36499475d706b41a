// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"errors"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

func TestReducedKeepsWhatTheVariantUses(t *testing.T) {
	uses := func(name string) *ebpf.ProgramSpec {
		return &ebpf.ProgramSpec{Instructions: asm.Instructions{asm.LoadMapPtr(asm.R1, 0).WithReference(name), asm.Return()}}
	}
	v := Variant{Programs: []string{"a"}, Spec: func() (*ebpf.CollectionSpec, error) {
		return &ebpf.CollectionSpec{
			Programs: map[string]*ebpf.ProgramSpec{"a": uses("mine"), "b": uses("other")},
			Maps:     map[string]*ebpf.MapSpec{"mine": {}, "other": {}, ".rodata": {}},
		}, nil
	}}
	spec, err := v.Reduced()
	if err != nil {
		t.Fatal(err)
	}
	if len(spec.Programs) != 1 || spec.Programs["a"] == nil {
		t.Errorf("programs %v, not a alone", spec.Programs)
	}
	if len(spec.Maps) != 2 || spec.Maps["mine"] == nil || spec.Maps[".rodata"] == nil {
		t.Errorf("maps %v, not mine and .rodata", spec.Maps)
	}

	all := Variant{Spec: v.Spec}
	if spec, err = all.Reduced(); err != nil || len(spec.Programs) != 2 || len(spec.Maps) != 3 {
		t.Errorf("no names mean all: %v, %v", spec, err)
	}
	missing := Variant{Spec: v.Spec, Programs: []string{"a", "c"}}
	if _, err := missing.Reduced(); err == nil || err.Error() != "its object lacks one of the programs a, c" {
		t.Error("a missing program:", err)
	}
	cause := errors.New("no such file")
	broken := Variant{Spec: func() (*ebpf.CollectionSpec, error) { return nil, cause }}
	if _, err := broken.Reduced(); !errors.Is(err, cause) {
		t.Error("a missing object:", err)
	}
}
