// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/ebpfreceiver/ebpfreceiver/internal/compat"
	"github.com/ebpfreceiver/ebpfreceiver/internal/kernel"
)

func check(ctx context.Context, args []string, stdout, stderr io.Writer) (int, error) {
	f := flags("check")
	image := f.String("kernel", "", "")
	types := f.String("btf", "", "")
	object := f.String("object", "", "")
	lockdown := f.String("lockdown", "", "")
	output := f.String("output", "text", "")
	operands, err := parse(f, args)
	if err != nil {
		return 0, err
	}
	switch {
	case len(operands) > 0:
		return 0, fmt.Errorf("check takes no argument %q", operands[0])
	case *image != "" && *types != "":
		return 0, errors.New("--kernel and --btf exclude each other")
	}
	if err := oneOf(*output); err != nil {
		return 0, err
	}
	assume, err := modes(*lockdown)
	if err != nil {
		return 0, err
	}
	set, err := prepare(*object)
	if err != nil {
		return 0, err
	}
	var outcomes []compat.Outcome
	if path := *image + *types; path != "" {
		outcomes, err = resolveStored(ctx, set, []string{path}, assume, stderr)
	} else if assume != nil {
		err = errors.New("--lockdown is for stored kernels: the running one is asked")
	} else {
		outcomes, err = resolveRunning(ctx, set)
	}
	if err != nil {
		return 0, err
	}
	if *output == "json" {
		return worst(outcomes), writeJSON(stdout, outcomes)
	}
	return worst(outcomes), writeCheck(stdout, outcomes)
}

func resolveRunning(ctx context.Context, set *compat.Set) ([]compat.Outcome, error) {
	k, err := kernel.Running(ctx)
	if err != nil {
		return nil, err
	}
	resolutions, err := set.Resolve(k)
	if err != nil {
		return nil, err
	}
	return []compat.Outcome{{
		Path: "running", Release: k.Release, Distribution: k.Distribution, Arch: k.Arch,
		Lockdown: k.Lockdown().String(), Probes: resolutions,
	}}, nil
}

// worst gives the exit code for the worst state of any probe on any kernel.
func worst(outcomes []compat.Outcome) int {
	code := exitFine
	for _, o := range outcomes {
		if o.Err != nil {
			return exitBadInput
		}
		for _, p := range o.Probes {
			switch p.State {
			case compat.Degraded:
				code = max(code, exitDegraded)
			case compat.None:
				code = max(code, exitUnsupported)
			}
		}
	}
	return code
}

// outcomeJSON adds the error, which has no form in JSON by itself.
type outcomeJSON struct {
	compat.Outcome
	Error string `json:"error,omitempty"`
}

func writeJSON(w io.Writer, outcomes []compat.Outcome) error {
	all := make([]outcomeJSON, 0, len(outcomes))
	for _, o := range outcomes {
		j := outcomeJSON{Outcome: o}
		if o.Err != nil {
			j.Error = o.Err.Error()
		}
		all = append(all, j)
	}
	return encode(w, all)
}

func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

func writeCheck(w io.Writer, outcomes []compat.Outcome) error {
	for i, o := range outcomes {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if o.Err != nil {
			fmt.Fprintf(w, "%s: %v\n", o.Path, o.Err)
			continue
		}
		fmt.Fprintf(w, "kernel %s\n", describe(o))
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		var losses sentences
		fmt.Fprintln(t, "PROBE\tSTATE\tVARIANT")
		for _, p := range o.Probes {
			variant := "-"
			if c := p.Chosen(); c != nil {
				variant = c.Variant
			}
			for _, lost := range p.Loses {
				losses.add(p.Probe, lost)
			}
			fmt.Fprintf(t, "%s\t%s\t%s\n", p.Probe, p.State, variant)
		}
		if err := t.Flush(); err != nil {
			return err
		}
		if err := losses.write(w, "cannot see"); err != nil {
			return err
		}
		if err := writeReasons(w, o.Probes); err != nil {
			return err
		}
	}
	return nil
}

// writeReasons says below the table why no better variant runs, and then what
// else the kernel refuses though it does not matter.
func writeReasons(w io.Writer, probes []compat.Resolution) error {
	var reasons, others sentences
	for _, p := range probes {
		if blocked := p.Blocked(); blocked != "" {
			reasons.add(p.Probe, blocked)
		} else {
			reasons.addAll(p.Probe, p.Better())
		}
		for _, name := range p.Through {
			reasons.add(p.Probe, "depends on "+name)
		}
		if c := p.Chosen(); c != nil {
			if c.Unsure != "" {
				reasons.add(p.Probe, c.Variant+": to be tried: "+c.Unsure)
			}
			for _, warning := range c.Warnings {
				reasons.add(p.Probe, c.Variant+": warning: "+warning)
			}
			others.addAll(p.Probe, p.Others())
		}
	}
	if err := reasons.write(w, "reasons"); err != nil {
		return err
	}
	return others.write(w, "refused, but not needed")
}

// sentences are said once each, with the probes that they are about.
type sentences struct {
	texts []string
	about map[string][]string
}

func (s *sentences) add(probe, text string) {
	if s.about == nil {
		s.about = make(map[string][]string)
	}
	if s.about[text] == nil {
		s.texts = append(s.texts, text)
	}
	s.about[text] = append(s.about[text], probe)
}

// manyHooks are more than anybody wants to read of that are refused for one reason.
const manyHooks = 8

// addAll takes why variants cannot run. Of many hooks that are refused for one reason it
// names the first and says how many there are.
func (s *sentences) addAll(probe string, rejected []compat.Rejection) {
	type refused struct {
		variant, reason string
		hooks           []string
	}
	for _, r := range rejected {
		var all []refused
		for _, sentence := range r.Sentences() {
			parts := strings.SplitN(sentence, ": ", 3)
			if len(parts) < 3 {
				all = append(all, refused{reason: sentence})
				continue
			}
			i := slices.IndexFunc(all, func(o refused) bool { return o.variant == parts[0] && o.reason == parts[2] })
			if i < 0 {
				i = len(all)
				all = append(all, refused{variant: parts[0], reason: parts[2]})
			}
			all[i].hooks = append(all[i].hooks, parts[1])
		}
		for _, f := range all {
			if f.hooks == nil {
				s.add(probe, f.reason)
			}
			if len(f.hooks) > manyHooks {
				f.hooks = []string{fmt.Sprintf("%s and %d more", f.hooks[0], len(f.hooks)-1)}
			}
			for _, hook := range f.hooks {
				s.add(probe, f.variant+": "+hook+": "+f.reason)
			}
		}
	}
}

func (s *sentences) write(w io.Writer, title string) error {
	if len(s.texts) == 0 {
		return nil
	}
	var b strings.Builder
	for _, text := range s.texts {
		fmt.Fprintf(&b, "  %s: %s\n", strings.Join(s.about[text], ", "), text)
	}
	_, err := fmt.Fprintf(w, "\n%s\n%s", title, b.String())
	return err
}

func describe(o compat.Outcome) string {
	parts := []string{o.Release, o.Distribution, o.Arch}
	if o.Release == "" {
		parts[0] = o.Path
	}
	if o.Lockdown != "" {
		parts = append(parts, "lockdown "+o.Lockdown)
	}
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	return strings.Join(parts, ", ")
}
