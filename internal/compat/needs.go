// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package compat

import (
	"github.com/cilium/ebpf"
)

// Needs lists what the named programs of an object need of a kernel; no names
// mean all programs. What only some kernels have, and the programs ask for
// before they use it, is marked as optional.
//
// Returns an error if the object is broken or has no such program.
func Needs(spec *ebpf.CollectionSpec, programs []string) ([]Need, error) {
	o, err := newObject(spec, programs)
	if err != nil {
		return nil, err
	}
	found := newFindings()
	for _, p := range o.programs {
		// What is reached on a kernel that has all, and on one that has nothing of what is asked
		// for, is needed anyway. What is reached on only one of them is one of two ways.
		anyway := newFindings()
		if err := p.collect(o, nil, anyway); err != nil {
			return nil, err
		}
		var required [2]*findings
		for n, v := range []value{constOf(0), constOf(1)} {
			required[n] = newFindings()
			if err := p.collect(o, &v, required[n]); err != nil {
				return nil, err
			}
		}
		for _, f := range anyway.all {
			if !required[0].has(f.Need) || !required[1].has(f.Need) {
				f.Optional = true
			}
			found.add(p.name, f.Need, Verdict{})
		}
	}
	needs := make([]Need, 0, len(found.all))
	for _, f := range found.sorted() {
		needs = append(needs, f.Need)
	}
	return needs, nil
}

// collect lists the needs of a program on a kernel that gives the same answer
// to each question; nil means that each answer is possible.
func (p *program) collect(o *object, answer *value, found *findings) error {
	preset := make(map[int]value)
	for i, relo := range p.relos {
		if relo.asks() {
			preset[i] = orUnknown(answer)
		}
	}
	for i, ext := range p.externals {
		switch {
		case ext.fn != nil && ext.weak && answer != nil && answer.n != 0:
			preset[i] = value{kind: nonNull}
		case ext.weak && !ext.kconfig:
			preset[i] = orUnknown(answer)
		default:
			preset[i] = value{}
		}
	}
	reached, err := p.walk(p.spec.Instructions, preset)
	if err != nil {
		return err
	}
	p.derive(o, reached, nil, func(n Need, _ func(*checker) Verdict) { found.add(p.name, n, Verdict{}) })
	return nil
}

func orUnknown(v *value) value {
	if v == nil {
		return value{}
	}
	return *v
}

// has tells whether a need was found, and is not optional in itself.
func (f *findings) has(n Need) bool {
	for _, o := range f.all {
		if o.Kind == n.Kind && o.Name == n.Name && o.Detail == n.Detail {
			return !o.Optional
		}
	}
	return false
}
