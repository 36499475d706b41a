// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package object

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cilium/ebpf"

	"github.com/ebpfreceiver/ebpfreceiver/internal/compat"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// variant is one way to load the object, with what was compiled for it.
type variant struct {
	cfg  *Variant
	spec *ebpf.CollectionSpec // with constants and sizes; only copied
	plan *plan
	// attach is that of the configuration.
	attach map[string]AttachConfig
}

// prepare reads an object, checks that it is safe, sets its constants and compiles its
// outputs.
func prepare(cfg *Config, v *Variant) (*variant, error) {
	data, err := readFile(&v.File)
	if err != nil {
		return nil, err
	}
	spec, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("path: %s: %w", v.Path, err)
	}
	return compile(cfg, v, spec)
}

func compile(cfg *Config, v *Variant, spec *ebpf.CollectionSpec) (*variant, error) {
	if err := choose(cfg, v, spec); err != nil {
		return nil, err
	}
	if err := safe(cfg, spec); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Constants)) {
		if err := setConstant(spec, name, cfg.Constants[name]); err != nil {
			return nil, fmt.Errorf("constants::%s: %w", name, err)
		}
	}
	if err := resize(cfg, spec); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(spec.Programs)) {
		if err := checkAttach(spec.Programs[name], cfg.Attach[name], spec); err != nil {
			return nil, fmt.Errorf("attach::%s: %w", name, err)
		}
		direct(spec.Programs[name], cfg.Attach[name].Direction)
	}
	p, err := newPlan(cfg, spec)
	if err != nil {
		return nil, err
	}
	return &variant{cfg: v, spec: spec, plan: p, attach: cfg.Attach}, nil
}

// selected tells whether a program attaches to the files of selected processes.
func (v *variant) selected() bool {
	for name := range v.spec.Programs {
		if v.attach[name].Selected {
			return true
		}
	}
	return false
}

// choose leaves the programs that are to be loaded, with what the configuration says of where
// they attach.
func choose(cfg *Config, v *Variant, spec *ebpf.CollectionSpec) error {
	for _, name := range v.Programs {
		if spec.Programs[name] == nil {
			return fmt.Errorf("programs: the object has no program %q; it has %s", name, names(maps.Keys(spec.Programs), nil))
		}
	}
	for name := range cfg.Attach {
		if spec.Programs[name] == nil {
			return fmt.Errorf("attach::%s: the object has no such program; it has %s", name, names(maps.Keys(spec.Programs), nil))
		}
	}
	for name, p := range spec.Programs {
		optional := strings.HasPrefix(p.SectionName, "?")
		if len(v.Programs) > 0 && !slices.Contains(v.Programs, name) || len(v.Programs) == 0 && optional {
			delete(spec.Programs, name)
			continue
		}
		a := cfg.Attach[name]
		if a.To != "" {
			p.AttachTo = a.To
		}
		// Programs that their own loader attaches to user space are of the section "kprobe",
		// with any target, in many objects.
		if (a.Path != "" || a.Selected) && kindOfHook(p) == hookKprobe {
			_, target, _ := strings.Cut(p.SectionName, "/")
			p.SectionName = map[bool]string{false: "uprobe/", true: "uretprobe/"}[isReturn(p)] + target
		}
	}
	usesCookies(spec)
	if len(spec.Programs) == 0 {
		return errors.New("programs: the sections of all programs begin with a question mark: name those to load")
	}
	return nil
}

// direct completes the section "tc", which does not say the direction: the attach type is among
// what the object needs of a kernel.
func direct(p *ebpf.ProgramSpec, direction string) {
	if kindOfHook(p) == hookTCX && p.AttachType == ebpf.AttachNone {
		p.AttachType = map[string]ebpf.AttachType{"ingress": ebpf.AttachTCXIngress, "egress": ebpf.AttachTCXEgress}[direction]
	}
}

// safe refuses programs that do more than observe, unless that is allowed.
func safe(cfg *Config, spec *ebpf.CollectionSpec) error {
	found, err := compat.EffectsOf(spec, nil)
	if err != nil {
		return fmt.Errorf("path: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		e := found[name]
		if len(e.Changes) > 0 && !cfg.AllowSideEffects {
			return fmt.Errorf("program %s changes the system by %s: it is refused without allow_side_effects: true", name, strings.Join(e.Changes, ", "))
		}
		if e.Enforces != "" && !cfg.AllowEnforcement {
			return fmt.Errorf("program %s (%s) does more than observe: %s. It is refused without allow_enforcement: true", name, spec.Programs[name].SectionName, e.Enforces)
		}
	}
	return nil
}

// manifest describes the probe of an object.
func manifest(name string, variants []*variant) probe.Manifest {
	m := base()
	m.Name, m.OptIn = name, false
	for _, v := range variants {
		m.Signals |= v.plan.signals()
		if v.plan.processes() || v.selected() {
			m.DependsOn, m.Joins = []string{daemon}, daemon
		}
		m.Variants = append(m.Variants, probe.Variant{
			Name: v.cfg.Name, Loses: v.cfg.Loses,
			Programs: slices.Sorted(maps.Keys(v.spec.Programs)),
			Spec:     func() (*ebpf.CollectionSpec, error) { return v.spec.Copy(), nil },
		})
	}
	return m
}
