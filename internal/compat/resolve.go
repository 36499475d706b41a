// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package compat

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/ebpfreceiver/ebpfreceiver/internal/kernel"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// State says how much of a probe works on a kernel.
type State uint8

const (
	// Full means that the best variant works, or one that sees as much. What even
	// the best cannot see is in its losses.
	Full State = iota
	// Degraded means that a variant works that sees less, of the probe or of one
	// that it depends on.
	Degraded
	// None means that no variant works, or none of a probe that it depends on.
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
	// Warnings are sentences about what works, but will not for long.
	Warnings []string `json:"warnings,omitempty"`
}

// Rejection is a variant that the kernel cannot run.
type Rejection struct {
	Variant string `json:"variant"`
	// Index is its place in the manifest.
	Index int `json:"-"`
	// Reasons are sentences, what matters most first.
	Reasons []string `json:"reasons"`
}

// Sentences are the reasons with the variant in front of each, unless the
// reason begins with it anyway, as it does where variants are named by their hook.
func (r *Rejection) Sentences() []string {
	sentences := make([]string, 0, len(r.Reasons))
	for _, reason := range r.Reasons {
		sentences = append(sentences, qualify(r.Variant, reason))
	}
	return sentences
}

// Sentence is the first reason, with the number of the others.
func (r *Rejection) Sentence() string {
	if more := len(r.Reasons) - 1; more > 0 {
		return fmt.Sprintf("%s (and %d more)", r.Reasons[0], more)
	}
	return r.Reasons[0]
}

func qualify(variant, reason string) string {
	if strings.HasPrefix(reason, variant+":") {
		return reason
	}
	return variant + ": " + reason
}

// Resolution says how a probe runs on a kernel.
type Resolution struct {
	Probe string `json:"probe"`
	State State  `json:"state"`
	// Loses is what the chosen variant cannot see, and what those cannot that
	// the probe depends on and that are not in the state Full.
	Loses []string `json:"loses,omitempty"`
	// Through names the probes that it depends on and that are not in the state
	// Full.
	Through []string `json:"through,omitempty"`
	// Candidates are the variants that can run, best first. The first one is
	// chosen; the others are there for when loading it fails after all. A probe
	// without variants has none and is in the state Full.
	Candidates []Candidate `json:"candidates,omitempty"`
	// Rejected are the others, best first.
	Rejected []Rejection `json:"rejected,omitempty"`

	reports []Report // by variant
	best    []string // what the first variant cannot see
}

// Chosen is the variant to load, nil if there is none.
func (r *Resolution) Chosen() *Candidate {
	if len(r.Candidates) == 0 {
		return nil
	}
	return &r.Candidates[0]
}

// Better are the rejected variants that come before the chosen one.
func (r *Resolution) Better() []Rejection {
	var better []Rejection
	for _, rejected := range r.Rejected {
		if chosen := r.Chosen(); chosen == nil || rejected.Index < chosen.Index {
			better = append(better, rejected)
		}
	}
	return better
}

// Others are the rejected variants that come after the chosen one. It does not
// matter that they cannot run.
func (r *Resolution) Others() []Rejection {
	return r.Rejected[len(r.Better()):]
}

// Blocked is the first reason that stands in the way of every variant: all there is
// to say of a probe that does not run. Empty if it runs, or if each of its
// variants has reasons of its own.
func (r *Resolution) Blocked() string {
	if len(r.Candidates) > 0 || len(r.Rejected) == 0 {
		return ""
	}
	var reasons [][]string
	for _, rejected := range r.Rejected {
		reasons = append(reasons, rejected.Reasons)
	}
	return Common(reasons)
}

// Common gives the first of the first reasons that is among all others, too. Empty
// if there is none.
func Common(reasons [][]string) string {
	if len(reasons) == 0 {
		return ""
	}
	for _, reason := range reasons[0] {
		if !slices.ContainsFunc(reasons, func(others []string) bool { return !slices.Contains(others, reason) }) {
			return reason
		}
	}
	return ""
}

// Reason is one sentence about why the probe does not run, or not in its best
// variant. Empty if it does.
func (r *Resolution) Reason() string {
	var parts []string
	if blocked := r.Blocked(); blocked != "" {
		return blocked
	}
	for _, rejected := range r.Better() {
		parts = append(parts, qualify(rejected.Variant, rejected.Sentence()))
	}
	for _, name := range r.Through {
		parts = append(parts, "it depends on "+name)
	}
	return strings.Join(parts, "; ")
}

// Set is some probes whose objects are parsed, ready to be checked against any
// number of kernels. It is safe for concurrent use.
type Set struct {
	manifests []probe.Manifest
	objects   [][]*object // by manifest and variant
	arch      string      // what the objects are compiled for, if it is known
	elsewhere map[string]func() (*Set, error)
}

// For says which architecture the objects are compiled for, in the kernel's own
// word. Kernels of another are then refused with an error.
func (s *Set) For(arch string) *Set {
	return &Set{manifests: s.manifests, objects: s.objects, arch: arch}
}

// Or says how to get the same probes compiled for another architecture. That is
// done, once, when there is a kernel of it.
func (s *Set) Or(arch string, prepare func() (*Set, error)) *Set {
	both := &Set{manifests: s.manifests, objects: s.objects, arch: s.arch, elsewhere: maps.Clone(s.elsewhere)}
	if both.elsewhere == nil {
		both.elsewhere = make(map[string]func() (*Set, error))
	}
	both.elsewhere[arch] = sync.OnceValues(prepare)
	return both
}

// Prepare parses the objects of all variants.
//
// Returns an error if an object cannot be parsed, or does not have the programs
// that its variant names: a fault of the probe, not of a kernel.
func Prepare(manifests ...probe.Manifest) (*Set, error) {
	s := &Set{manifests: manifests}
	for _, m := range manifests {
		var objects []*object
		for _, v := range m.Variants {
			// Reduced: the variants of a probe share an object, which is big with all of its programs.
			spec, err := v.Reduced()
			if err != nil {
				return nil, fmt.Errorf("probe %s: variant %s: %w", m.Name, v.Name, err)
			}
			o, err := newObject(spec, v.Programs)
			if err != nil {
				return nil, fmt.Errorf("probe %s: variant %s: %w", m.Name, v.Name, err)
			}
			objects = append(objects, o)
		}
		s.objects = append(s.objects, objects)
	}
	return s, nil
}

// Resolve checks the variants of all probes, in the order in which they were
// prepared.
//
// Returns an error if the kernel's types cannot be read.
func (s *Set) Resolve(k *kernel.Kernel) ([]Resolution, error) {
	if s.arch != "" && k.Arch != "" && k.Arch != s.arch {
		prepare, ok := s.elsewhere[k.Arch]
		if !ok {
			return nil, fmt.Errorf("the kernel is for %s, the probes are compiled for %s", k.Arch, s.arch)
		}
		other, err := prepare()
		if err != nil {
			return nil, fmt.Errorf("the probes for %s: %w", k.Arch, err)
		}
		return other.Resolve(k)
	}
	c, err := newChecker(k)
	if err != nil {
		return nil, err
	}
	resolutions := make([]Resolution, 0, len(s.manifests))
	for i, m := range s.manifests {
		r, err := c.resolve(m, s.objects[i])
		if err != nil {
			return nil, fmt.Errorf("probe %s: %w", m.Name, err)
		}
		resolutions = append(resolutions, r)
	}
	for i, m := range s.manifests {
		s.refuse(&resolutions[i], i, resolutions)
		inherit(&resolutions[i], m.DependsOn, resolutions)
	}
	return resolutions, nil
}

// refuse rejects the variants of a probe that use a map of another one's object which
// that one's chosen variant does not have.
func (s *Set) refuse(r *Resolution, of int, all []Resolution) {
	for _, name := range s.manifests[of].DependsOn {
		d := slices.IndexFunc(all, func(o Resolution) bool { return o.Probe == name })
		if d < 0 || all[d].Chosen() == nil {
			continue
		}
		chosen := all[d].Chosen()
		has := s.objects[d][chosen.Index].maps
		wanting := make(map[string]bool) // those that only other variants of it use
		for _, o := range s.objects[d] {
			for m, used := range o.maps {
				if used && !has[m] {
					wanting[m] = true
				}
			}
		}
		var left []Candidate
		for _, c := range r.Candidates {
			if missing := s.objects[of][c.Index].firstOf(wanting); missing != "" {
				reason := fmt.Sprintf("the variant %q of the probe %q has no map %s", chosen.Variant, name, missing)
				r.Rejected = append(r.Rejected, Rejection{Variant: c.Variant, Index: c.Index, Reasons: []string{reason}})
				continue
			}
			left = append(left, c)
		}
		if len(left) == len(r.Candidates) {
			continue
		}
		r.Candidates = left
		slices.SortFunc(r.Rejected, func(a, b Rejection) int { return a.Index - b.Index })
		r.settle()
		if len(left) == 0 {
			r.Through = append(r.Through, name)
		}
	}
}

// inherit passes on what the probes that a probe depends on lack. Those come
// before it.
func inherit(r *Resolution, dependsOn []string, all []Resolution) {
	for _, name := range dependsOn {
		i := slices.IndexFunc(all, func(o Resolution) bool { return o.Probe == name })
		if i < 0 {
			continue
		}
		if all[i].State == Full {
			continue
		}
		r.State = max(r.State, all[i].State)
		if !slices.Contains(r.Through, name) {
			r.Through = append(r.Through, name)
		}
		for _, lost := range all[i].Loses {
			if !slices.Contains(r.Loses, lost) {
				r.Loses = append(r.Loses, lost)
			}
		}
	}
}

// Resolve checks the variants of one probe in order.
//
// Returns an error as [Prepare] and [Set.Resolve] do.
func Resolve(k *kernel.Kernel, manifest probe.Manifest) (Resolution, error) {
	s, err := Prepare(manifest)
	if err != nil {
		return Resolution{Probe: manifest.Name}, err
	}
	resolutions, err := s.Resolve(k)
	if err != nil {
		return Resolution{Probe: manifest.Name}, err
	}
	return resolutions[0], nil
}

func (c *checker) resolve(manifest probe.Manifest, objects []*object) (Resolution, error) {
	r := Resolution{Probe: manifest.Name}
	for i, v := range manifest.Variants {
		report, err := c.object(objects[i])
		if err != nil {
			return r, fmt.Errorf("variant %s: %w", v.Name, err)
		}
		r.reports = append(r.reports, report)
		if report.Answer() == Unsupported {
			r.Rejected = append(r.Rejected, Rejection{Variant: v.Name, Index: i, Reasons: report.Reasons(Unsupported)})
			continue
		}
		r.Candidates = append(r.Candidates, Candidate{
			Variant: v.Name, Index: i, Loses: v.Loses, Unsure: report.Reason(), Warnings: report.Warnings,
		})
	}
	if len(manifest.Variants) > 0 {
		r.best = manifest.Variants[0].Loses
		r.settle()
	}
	return r, nil
}

// settle draws the conclusion from the variants that are left.
func (r *Resolution) settle() {
	chosen := r.Chosen()
	switch {
	case chosen == nil:
		r.State, r.Loses = None, nil
	case SeesLess(chosen.Loses, r.best):
		r.State, r.Loses = Degraded, slices.Clone(chosen.Loses)
	default:
		r.State, r.Loses = Full, slices.Clone(chosen.Loses)
	}
}

// SeesLess tells whether a variant that cannot see what loses says is weaker than one
// that cannot see best: not where it only costs more.
func SeesLess(loses, best []string) bool {
	return slices.ContainsFunc(loses, func(lost string) bool { return !slices.Contains(best, lost) })
}
