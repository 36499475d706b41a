// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/ebpfreceiver/ebpfreceiver/internal/compat"
	"github.com/ebpfreceiver/ebpfreceiver/internal/kernel"
)

func diff(_ context.Context, args []string, stdout, _ io.Writer) (int, error) {
	f := flags("diff")
	object := f.String("object", "", "")
	output := f.String("output", "text", "")
	operands, err := parse(f, args)
	if err != nil {
		return 0, err
	}
	if len(operands) != 2 {
		return 0, errors.New("diff takes two kernels: OLD NEW")
	}
	if err := oneOf(*output); err != nil {
		return 0, err
	}
	set, err := prepare(*object)
	if err != nil {
		return 0, err
	}
	before, err := kernel.Open(operands[0])
	if err != nil {
		return 0, err
	}
	after, err := kernel.Open(operands[1])
	if err != nil {
		return 0, err
	}
	changes, err := set.Diff(before, after)
	if err != nil {
		return 0, err
	}
	code := exitFine
	for _, c := range changes {
		if c.Effect == compat.Worse {
			code = exitDegraded
		}
	}
	if *output == "json" {
		return code, encode(stdout, changes)
	}
	return code, writeDiff(stdout, before, after, changes)
}

func writeDiff(w io.Writer, before, after *kernel.Kernel, changes []compat.Change) error {
	if _, err := fmt.Fprintf(w, "%s -> %s\n", before.Name(), after.Name()); err != nil {
		return err
	}
	for _, c := range changes {
		was, now := outcome(&c.Before), outcome(&c.After)
		if was != now {
			now = was + " -> " + now
		}
		fmt.Fprintf(w, "%-9s  %s: %s\n", c.Effect, c.Probe, now)
		for _, name := range c.Through {
			fmt.Fprintf(w, "           it depends on %s\n", name)
		}
		said := make(map[string]bool)
		for _, cause := range c.Causes {
			if sentence := cause.Sentence(); !said[sentence] {
				said[sentence] = true
				fmt.Fprintf(w, "           %s\n", sentence)
			}
		}
		for _, warning := range c.Warnings {
			fmt.Fprintf(w, "           warning: %s\n", warning)
		}
	}
	return nil
}

// outcome says in a few words how a probe runs.
func outcome(r *compat.Resolution) string {
	if c := r.Chosen(); c != nil && r.State != compat.None {
		return fmt.Sprintf("%s (%s)", r.State, c.Variant)
	}
	return r.State.String()
}
