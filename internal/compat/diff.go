// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package compat

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/ebpfreceiver/ebpfreceiver/internal/kernel"
)

// Effect says what a kernel update does to a probe.
type Effect uint8

const (
	// Unchanged means the same variant, with the same losses.
	Unchanged Effect = iota
	// Better means that the probe begins to work, or that a better variant does.
	Better
	// Worse means that the probe ceases to work, or that only a worse variant does.
	Worse
)

var effectNames = [...]string{"unchanged", "better", "worse"}

// String gives the effect in a word.
func (e Effect) String() string { return effectNames[e] }

// MarshalText makes JSON carry the word.
func (e Effect) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// Cause is one need whose verdict an update changes.
type Cause struct {
	Need
	Variant string  `json:"variant"`
	Before  Verdict `json:"before"`
	After   Verdict `json:"after"`
}

// Sentence says what changed.
func (c *Cause) Sentence() string {
	before := c.Before.Have
	switch {
	case c.After.Reason == "":
		return "no longer the case: " + qualify(c.Variant, c.Before.Reason)
	case before != "" && before != c.After.Have:
		return fmt.Sprintf("%s; it was %s", qualify(c.Variant, c.After.Reason), before)
	default:
		return qualify(c.Variant, c.After.Reason)
	}
}

// Change is what an update does to one probe.
type Change struct {
	Probe  string     `json:"probe"`
	Effect Effect     `json:"effect"`
	Before Resolution `json:"before"`
	After  Resolution `json:"after"`
	// Through names the probes that it depends on and whose effect it has.
	Through []string `json:"through,omitempty"`
	// Causes are the needs behind it. Where the effect is Unchanged, they are
	// those of variants that are not chosen on either kernel.
	Causes []Cause `json:"causes,omitempty"`
	// Warnings are those that only the new kernel gives: of what still works.
	Warnings []string `json:"warnings,omitempty"`
}

// Diff says what it does to the probes when a kernel is replaced by another.
//
// Returns an error as [Set.Resolve] does, and if the kernels are of different architectures.
func (s *Set) Diff(before, after *kernel.Kernel) ([]Change, error) {
	if before.Arch != "" && after.Arch != "" && before.Arch != after.Arch {
		return nil, fmt.Errorf("one kernel is for %s, the other for %s", before.Arch, after.Arch)
	}
	old, err := s.Resolve(before)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", before.Name(), err)
	}
	now, err := s.Resolve(after)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", after.Name(), err)
	}
	changes := make([]Change, 0, len(old))
	for i := range old {
		c := Change{Probe: old[i].Probe, Before: old[i], After: now[i]}
		switch d := cmp.Or(cmp.Compare(now[i].State, old[i].State), cmp.Compare(rank(&now[i]), rank(&old[i]))); {
		case d < 0:
			c.Effect = Better
		case d > 0:
			c.Effect = Worse
		}
		for v := range old[i].reports {
			// What did not run before and does not now is not behind it, whatever else is said of it now.
			if c.Effect != Unchanged && ruledOut(&old[i].reports[v]) == ruledOut(&now[i].reports[v]) {
				continue
			}
			c.Causes = append(c.Causes, causes(s.manifests[i].Variants[v].Name, &old[i].reports[v], &now[i].reports[v])...)
		}
		c.inherit(s.manifests[i].DependsOn, changes)
		for _, w := range warnings(&now[i]) {
			if !slices.Contains(warnings(&old[i]), w) {
				c.Warnings = append(c.Warnings, w)
			}
		}
		changes = append(changes, c)
	}
	return changes, nil
}

// inherit passes on what becomes of the probes that a probe depends on: with
// another variant of theirs it sees more or less, though it is as degraded as before.
// Those come before it.
func (c *Change) inherit(dependsOn []string, earlier []Change) {
	for _, name := range dependsOn {
		i := slices.IndexFunc(earlier, func(o Change) bool { return o.Probe == name })
		if i < 0 || earlier[i].Effect == Unchanged {
			continue
		}
		c.Effect = max(c.Effect, earlier[i].Effect)
		c.Through = append(c.Through, name)
	}
}

// ruledOut tells whether a report rules its variant out.
func ruledOut(r *Report) bool { return r.Answer() == Unsupported }

// warnings are those about the chosen variant.
func warnings(r *Resolution) []string {
	if chosen := r.Chosen(); chosen != nil {
		return chosen.Warnings
	}
	return nil
}

// rank orders resolutions: the place of the chosen variant, or the last place.
func rank(r *Resolution) int {
	if chosen := r.Chosen(); chosen != nil {
		return chosen.Index
	}
	return len(r.Rejected)
}

// causes compares the verdicts of one variant. A need that is there on one
// kernel only is behind a guard; it is a cause if it is not satisfied.
func causes(variant string, before, after *Report) []Cause {
	var found []Cause
	same := func(a, b *Finding) bool { return a.Kind == b.Kind && a.Name == b.Name && a.Detail == b.Detail }
	seek := func(r *Report, f *Finding) Verdict {
		for i := range r.Findings {
			if same(&r.Findings[i], f) {
				return r.Findings[i].Verdict
			}
		}
		return Verdict{}
	}
	for i := range after.Findings {
		f := &after.Findings[i]
		if was := seek(before, f); was.Answer != f.Answer {
			found = append(found, Cause{f.Need, variant, was, f.Verdict})
		}
	}
	for i := range before.Findings {
		f := &before.Findings[i]
		if f.Answer == Satisfied {
			continue
		}
		gone := true
		for j := range after.Findings {
			gone = gone && !same(&after.Findings[j], f)
		}
		if gone {
			found = append(found, Cause{f.Need, variant, f.Verdict, Verdict{}})
		}
	}
	return found
}
