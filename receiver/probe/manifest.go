// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"go.opentelemetry.io/collector/component"
)

// Kind tells what a probe is for.
type Kind uint8

const (
	// Instrument is a probe that produces telemetry.
	Instrument Kind = iota
	// Daemon is a probe that serves other probes.
	Daemon
)

// String gives "instrument" or "daemon".
func (k Kind) String() string {
	if k == Daemon {
		return "daemon"
	}
	return "instrument"
}

// Signals is a set of OpenTelemetry signals.
type Signals uint8

// The signals that a probe can produce.
const (
	Traces Signals = 1 << iota
	Metrics
	Logs
	Profiles
)

// Has tells whether any signal of other is in s.
func (s Signals) Has(other Signals) bool { return s&other != 0 }

// String lists the signals, as in "traces, metrics".
func (s Signals) String() string {
	var names []string
	for i, name := range []string{"traces", "metrics", "logs", "profiles"} {
		if s&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// Manifest describes a probe. It is pure data: nothing in it touches a kernel.
type Manifest struct {
	// Name is the probe's type and its key under "probes:", as in "http".
	Name string
	Kind Kind
	// Summary says in one line what the probe observes.
	Summary string
	// Signals are those that the probe can produce. A Daemon may have none.
	Signals Signals
	// DependsOn names the Daemons whose maps or data the probe uses. The first
	// one's goroutine serves a probe that has no rings of its own.
	DependsOn []string
	// Joins names the Daemon of DependsOn on whose goroutine the probe is served though
	// it has rings of its own: for one that takes data from both.
	Joins string
	// Extends names the Daemon of DependsOn that a Daemon adds to. It is loaded whenever
	// that one is, and nothing suffers when it cannot run. A configuration that has a
	// method Enabled() bool can switch it off.
	Extends string
	// Variants are the ways to do the same, best first. The first one that the
	// kernel supports is loaded. A probe that brings no BPF object has none.
	Variants   []Variant
	Stability  component.StabilityLevel
	Deprecated *Deprecated
	// OptIn tells that the probe is loaded only when its section is configured: by
	// default it would cost observed programs more than most users want to pay.
	OptIn bool
	// OnRequest are those of Signals for which alone the probe is loaded only when its
	// section is configured, for the same reason.
	OnRequest Signals
}

// Variant is one of several ways of a probe to the same meaning.
type Variant struct {
	Name string
	// Spec parses the variant's object, anew each time, as the caller takes out of it what
	// it does not use. What the variant needs of a kernel is derived from it.
	Spec func() (*ebpf.CollectionSpec, error)
	// Adapt changes what Spec parsed, of whichever architecture, into what this variant
	// loads, as the way in which programs are attached. It may be nil.
	Adapt func(*ebpf.CollectionSpec)
	// Programs are the ones of the object that the variant consists of. The
	// others are removed before anything is loaded. Empty means all.
	Programs []string
	// Loses says in words what this variant cannot see. Each is a short clause
	// a user can read, as in "requests over Unix sockets".
	Loses []string
}

// Whole parses the variant's object and adapts it, with all its programs.
//
// Returns an error if the object cannot be parsed.
func (v *Variant) Whole() (*ebpf.CollectionSpec, error) {
	spec, err := v.Spec()
	if err == nil && v.Adapt != nil {
		v.Adapt(spec)
	}
	return spec, err
}

// Reduced parses the variant's object and leaves what the variant consists of: its
// programs, and the maps that they use. That is what [Loading] carries.
//
// Returns an error if the object cannot be parsed or lacks one of the programs.
func (v *Variant) Reduced() (*ebpf.CollectionSpec, error) {
	spec, err := v.Whole()
	if err != nil {
		return nil, fmt.Errorf("its object cannot be read: %w", err)
	}
	if len(v.Programs) > 0 {
		for name := range spec.Programs {
			if !slices.Contains(v.Programs, name) {
				delete(spec.Programs, name)
			}
		}
		if len(spec.Programs) != len(v.Programs) {
			return nil, fmt.Errorf("its object lacks one of the programs %s", strings.Join(v.Programs, ", "))
		}
	}
	used := map[string]bool{}
	for _, p := range spec.Programs {
		for i := range p.Instructions {
			if ref := p.Instructions[i].Reference(); ref != "" {
				used[ref] = true
			}
		}
	}
	for name := range spec.Maps {
		// Sections of globals carry the variables, also those that no program reads.
		if !used[name] && !strings.HasPrefix(name, ".") {
			delete(spec.Maps, name)
		}
	}
	return spec, nil
}

// Deprecated announces that a probe is going to be removed.
type Deprecated struct {
	Since     string // version of this module that deprecated it
	RemovedIn string // version that removes it
	Use       string // what replaces it
}
