// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package compat

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	"github.com/ebpfreceiver/ebpfreceiver/internal/kernel"
)

// Finding is the verdict for one need.
type Finding struct {
	Need
	Verdict
}

// Report is what a kernel says to the needs of some programs.
type Report struct {
	// Kernel names it, as in "6.12.107+deb13-cloud-amd64".
	Kernel string `json:"kernel"`
	// Findings are sorted by kind and name.
	Findings []Finding `json:"findings"`
	// Warnings are sentences about what works, but will not for long.
	Warnings []string `json:"warnings,omitempty"`
}

// Answer is that of the least satisfied need.
func (r *Report) Answer() Answer {
	worst := Satisfied
	for _, f := range r.Findings {
		worst = max(worst, f.Answer)
	}
	return worst
}

// Reason is one sentence about what is least satisfied: what stands in the way
// of most needs comes first. Empty if all is well.
func (r *Report) Reason() string {
	if reasons := r.Reasons(r.Answer()); len(reasons) > 0 {
		return reasons[0]
	}
	return ""
}

// Reasons lists the different reasons with that answer.
func (r *Report) Reasons(a Answer) []string {
	var reasons []string
	for _, f := range r.Findings {
		if a != Satisfied && f.Answer == a && !slices.Contains(reasons, f.Reason) {
			reasons = append(reasons, f.Reason)
		}
	}
	return reasons
}

// Check judges what the named programs of an object need of a kernel; no names
// mean all programs. It does not load them.
//
// Returns an error if the object is broken or has no such program, or if the
// kernel's types cannot be read. That a kernel has no types at all is no error
// but a verdict.
func Check(k *kernel.Kernel, spec *ebpf.CollectionSpec, programs []string) (Report, error) {
	o, err := newObject(spec, programs)
	if err != nil {
		return Report{Kernel: k.Name()}, err
	}
	c, err := newChecker(k)
	if err != nil {
		return Report{Kernel: k.Name()}, err
	}
	return c.object(o)
}

// object judges a set of programs.
func (c *checker) object(o *object) (Report, error) {
	report := Report{Kernel: c.kernel.Name()}
	c.warnings = nil
	if c.types == nil {
		report.Findings = []Finding{{
			Need:    Need{Kind: KindObject, Name: "BTF"},
			Verdict: unsupported("the kernel has no BTF type information (CONFIG_DEBUG_INFO_BTF)"),
		}}
		return report, nil
	}
	found := newFindings()
	for _, p := range o.programs {
		if err := c.program(o, p, found); err != nil {
			return report, err
		}
	}
	report.Findings = found.sorted()
	report.Warnings = c.warnings
	return report, nil
}

// program judges one program.
func (c *checker) program(o *object, p *program, found *findings) error {
	insns := make(asm.Instructions, len(p.spec.Instructions))
	copy(insns, p.spec.Instructions)
	gone, err := c.relocate(p, insns)
	if err != nil {
		// The loader stops at the same place, whether the code is reached or not.
		found.add(p.name, Need{Kind: KindObject, Class: ClassInternal, Name: "CO-RE relocations of " + p.name},
			unsupported(fmt.Sprintf("CO-RE relocations of program %s: %v", p.name, err)))
		return nil
	}
	preset := make(map[int]value)
	for i, ext := range p.externals {
		preset[i] = c.preset(o, ext)
	}
	reached, err := p.walk(insns, preset)
	if err != nil {
		return err
	}
	p.derive(o, reached, gone, func(n Need, judge func(*checker) Verdict) {
		found.add(p.name, n, judge(c))
	})
	return nil
}

// relocate applies the CO-RE relocations for the kernel and tells which
// instructions have none there.
func (c *checker) relocate(p *program, insns asm.Instructions) (map[int]bool, error) {
	if len(p.raw) == 0 {
		return nil, nil
	}
	// Local type IDs matter to no one here, as nothing is loaded.
	fixups, err := btf.CORERelocate(p.raw, c.targets, binary.LittleEndian, func(btf.Type) (btf.TypeID, error) { return 1, nil })
	if err != nil {
		return nil, err
	}
	gone := make(map[int]bool)
	for n, i := range p.at {
		metadata := insns[i].Metadata
		if err := fixups[n].Apply(&insns[i]); err != nil {
			return nil, err
		}
		// What is put in place of an instruction has lost the name of the function that began there.
		insns[i].Metadata = metadata
		if poisoned(&insns[i]) {
			gone[i] = true
		}
	}
	return gone, nil
}

// poisoned recognizes what the loader puts in place of an instruction that
// cannot be relocated.
func poisoned(ins *asm.Instruction) bool {
	if ins.OpCode.IsDWordLoad() {
		return ins.Dst == asm.R10 && ins.Constant == btf.COREBadRelocationSentinel
	}
	return ins.IsBuiltinCall() && ins.Constant == btf.COREBadRelocationSentinel
}

// findings collects verdicts, one for each need.
type findings struct {
	byKey map[string]int
	all   []Finding
}

func newFindings() *findings { return &findings{byKey: make(map[string]int)} }

// add merges a verdict into those of the same need by other programs or other
// places.
func (f *findings) add(program string, n Need, v Verdict) {
	key := fmt.Sprintf("%d\x00%s\x00%s", n.Kind, n.Name, n.Detail)
	i, ok := f.byKey[key]
	if !ok {
		i = len(f.all)
		f.byKey[key] = i
		f.all = append(f.all, Finding{Need: n, Verdict: v})
	}
	at := &f.all[i]
	if !slices.Contains(at.Programs, program) {
		at.Programs = append(at.Programs, program)
	}
	at.Optional = at.Optional && n.Optional
	if v.Answer > at.Answer {
		at.Verdict = v
	}
}

func (f *findings) sorted() []Finding {
	slices.SortFunc(f.all, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name), strings.Compare(a.Detail, b.Detail))
	})
	for i := range f.all {
		slices.Sort(f.all[i].Programs)
	}
	return f.all
}
