// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package compat

import (
	"fmt"
	"strings"

	"github.com/ebpfreceiver/ebpfreceiver/internal/kernel"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// State says how much of a probe works on a kernel.
type State uint8

const (
	// Full means that the best variant works.
	Full State = iota
	// Degraded means that a variant works which loses something.
	Degraded
	// None means that no variant works.
	None
)

var stateNames = [...]string{"full", "degraded", "unsupported"}

// String gives the state in a word.
func (s State) String() string { return stateNames[s] }

// MarshalText makes JSON carry the word.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Candidate is a variant that the kernel does not rule out.
type Candidate struct {
	// Variant is its name.
	Variant string `json:"variant"`
	// Index is its place in the manifest.
	Index int `json:"-"`
	// Loses is what it cannot see.
	Loses []string `json:"loses,omitempty"`
	// Unsure is set if only loading it can tell, and says why.
	Unsure string `json:"unsure,omitempty"`
	// Report has the verdicts.
	Report Report `json:"-"`
}

// Rejection is a variant that the kernel cannot run.
type Rejection struct {
	Variant string `json:"variant"`
	// Reasons are sentences, what matters most first.
	Reasons []string `json:"reasons"`
}

// Resolution says how a probe runs on a kernel.
type Resolution struct {
	Probe string `json:"probe"`
	State State  `json:"state"`
	// Candidates are the variants that can run, best first. The first one is
	// chosen; the others are there for when loading it fails after all. A probe
	// without variants has none and is in the state Full.
	Candidates []Candidate `json:"candidates,omitempty"`
	// Rejected are the others, best first.
	Rejected []Rejection `json:"rejected,omitempty"`
}

// Chosen is the variant to load, nil if there is none.
func (r *Resolution) Chosen() *Candidate {
	if len(r.Candidates) == 0 {
		return nil
	}
	return &r.Candidates[0]
}

// Better are the rejected variants before the chosen one.
func (r *Resolution) Better(manifest probe.Manifest) []Rejection {
	var better []Rejection
	for _, rejected := range r.Rejected {
		for i, v := range manifest.Variants {
			if v.Name == rejected.Variant && (r.Chosen() == nil || i < r.Chosen().Index) {
				better = append(better, rejected)
			}
		}
	}
	return better
}

// Reason is one sentence about why the probe does not run, or not in its best
// variant. Empty if it does.
func (r *Resolution) Reason() string {
	var parts []string
	for _, rejected := range r.Rejected {
		part := rejected.Variant + ": " + rejected.Reasons[0]
		if more := len(rejected.Reasons) - 1; more > 0 {
			part += fmt.Sprintf(" (and %d more)", more)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "; ")
}

// Resolve checks the variants of a probe in order.
//
// Returns an error if an object cannot be parsed, or does not have the programs
// that its variant names: a fault of the probe, not of the kernel.
func Resolve(k *kernel.Kernel, manifest probe.Manifest) (Resolution, error) {
	r := Resolution{Probe: manifest.Name}
	for i, v := range manifest.Variants {
		spec, err := v.Spec()
		if err != nil {
			return r, fmt.Errorf("probe %s: variant %s: %w", manifest.Name, v.Name, err)
		}
		report, err := Check(k, spec, v.Programs)
		if err != nil {
			return r, fmt.Errorf("probe %s: variant %s: %w", manifest.Name, v.Name, err)
		}
		if report.Answer() == Unsupported {
			r.Rejected = append(r.Rejected, Rejection{v.Name, report.Reasons(Unsupported)})
			continue
		}
		r.Candidates = append(r.Candidates, Candidate{
			Variant: v.Name, Index: i, Loses: v.Loses, Unsure: report.Reason(), Report: report,
		})
	}
	switch chosen := r.Chosen(); {
	case chosen == nil && len(manifest.Variants) > 0:
		r.State = None
	case chosen != nil && (chosen.Index > 0 || len(chosen.Loses) > 0):
		r.State = Degraded
	}
	return r, nil
}
