// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// omitted is a chosen probe that is not loaded though the kernel could.
type omitted struct {
	name   string
	reason string
}

// plan chooses and orders the probes: each after those that it depends on.
// chosen holds the configurations of the configured probes; a Daemon is
// taken only if an Instrument needs it. requested tells that they were configured, and are
// not the defaults.
func plan(factories []probe.Factory, chosen map[string]any, requested bool, signals probe.Signals) ([]*unit, []omitted, error) {
	known := map[string]probe.Factory{}
	for _, f := range factories {
		known[f.Manifest.Name] = f
	}
	var left []omitted
	p := planner{known: known, factories: factories, chosen: chosen, state: map[string]visit{}}
	for _, name := range slices.Sorted(maps.Keys(chosen)) {
		f, ok := known[name]
		switch {
		case !ok:
			return nil, nil, fmt.Errorf("there is no probe %q; there are %s", name, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		case f.Manifest.Kind == probe.Daemon:
			continue
		case !f.Manifest.Signals.Has(signals):
			left = append(left, omitted{name, fmt.Sprintf("it produces %s, and no pipeline of these names this receiver", f.Manifest.Signals)})
			continue
		case !requested && !(f.Manifest.Signals &^ f.Manifest.OnRequest).Has(signals):
			left = append(left, omitted{name, fmt.Sprintf("for %s alone it is loaded only when it has a section under \"probes\"", f.Manifest.OnRequest)})
			continue
		}
		if err := p.visit(name, nil); err != nil {
			return nil, nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(chosen)) {
		if known[name].Manifest.Kind == probe.Daemon && p.state[name] == unseen && !slices.Contains(p.off, name) {
			left = append(left, omitted{name, "no loaded probe needs it"})
		}
	}
	for _, name := range p.off {
		left = append(left, omitted{name, "its configuration switches it off"})
	}
	return p.order, left, nil
}

type visit uint8

const (
	unseen visit = iota
	open
	done
)

type planner struct {
	known  map[string]probe.Factory
	chosen map[string]any
	state  map[string]visit
	order  []*unit

	factories []probe.Factory
	off       []string // extending Daemons that are switched off
}

func (p *planner) visit(name string, path []string) error {
	f, ok := p.known[name]
	if !ok {
		return fmt.Errorf("probe %q depends on %q, which does not exist", path[len(path)-1], name)
	}
	path = append(path, name)
	switch p.state[name] {
	case done:
		return nil
	case open:
		return fmt.Errorf("probes depend on each other: %s", strings.Join(path, " → "))
	}
	if j := f.Manifest.Joins; j != "" && !slices.Contains(f.Manifest.DependsOn, j) {
		return fmt.Errorf("probe %q joins %q, which it does not depend on", name, j)
	}
	p.state[name] = open
	for _, d := range f.Manifest.DependsOn {
		if err := p.visit(d, path); err != nil {
			return err
		}
	}
	p.state[name] = done
	config, ok := p.chosen[name]
	if !ok && f.DefaultConfig != nil {
		config = f.DefaultConfig()
	}
	p.order = append(p.order, &unit{factory: f, name: name, config: config})
	return p.extend(name, path)
}

// extend takes the Daemons that add to a Daemon.
func (p *planner) extend(name string, path []string) error {
	for _, f := range p.factories {
		m := &f.Manifest
		if m.Extends != name {
			continue
		}
		if m.Kind != probe.Daemon || !slices.Contains(m.DependsOn, name) {
			return fmt.Errorf("probe %q extends %q, but is no Daemon that depends on it", m.Name, name)
		}
		if c, ok := p.chosen[m.Name].(interface{ Enabled() bool }); ok && !c.Enabled() {
			p.off = append(p.off, m.Name)
			continue
		}
		if err := p.visit(m.Name, path[:len(path)-1]); err != nil {
			return err
		}
	}
	return nil
}
