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
	if err := f.Parse(args); err != nil {
		return 0, err
	}
	switch {
	case f.NArg() > 0:
		return 0, fmt.Errorf("check takes no argument %q", f.Arg(0))
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
		fmt.Fprintln(t, "PROBE\tSTATE\tVARIANT\tLOSES")
		for _, p := range o.Probes {
			variant, loses := "-", "-"
			if c := p.Chosen(); c != nil {
				variant = c.Variant
			}
			if len(p.Loses) > 0 {
				loses = strings.Join(p.Loses, ", ")
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", p.Probe, p.State, variant, loses)
		}
		if err := t.Flush(); err != nil {
			return err
		}
		if err := writeReasons(w, o.Probes); err != nil {
			return err
		}
	}
	return nil
}

// writeReasons says below the table why no better variant runs.
func writeReasons(w io.Writer, probes []compat.Resolution) error {
	var b strings.Builder
	for _, p := range probes {
		for _, rejected := range p.Better() {
			for _, sentence := range rejected.Sentences() {
				fmt.Fprintf(&b, "  %s, %s\n", p.Probe, sentence)
			}
		}
		for _, name := range p.Through {
			fmt.Fprintf(&b, "  %s: depends on %s\n", p.Probe, name)
		}
		if c := p.Chosen(); c != nil {
			if c.Unsure != "" {
				fmt.Fprintf(&b, "  %s, %s: to be tried: %s\n", p.Probe, c.Variant, c.Unsure)
			}
			for _, warning := range c.Warnings {
				fmt.Fprintf(&b, "  %s, %s: warning: %s\n", p.Probe, c.Variant, warning)
			}
		}
	}
	if b.Len() == 0 {
		return nil
	}
	_, err := fmt.Fprintf(w, "\nreasons\n%s", b.String())
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
