// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package compat

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Matrix is probes by kernels.
type Matrix struct {
	Outcomes []Outcome
	// Booted has the releases on which the probes were loaded and run; what is
	// said of the others comes from their types alone.
	Booted map[string]bool
}

// WriteMarkdown writes a table with a row for each kernel and a column for each
// probe, and below it, once each, what a weaker variant loses and why no
// better one runs.
func (m *Matrix) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	probes := m.probes()
	b.WriteString("| kernel | architecture | lockdown | known by |")
	for _, p := range probes {
		b.WriteString(" " + p + " |")
	}
	b.WriteString("\n|---|---|---|---|" + strings.Repeat("---|", len(probes)) + "\n")
	notes := &footnotes{}
	for _, o := range m.Outcomes {
		known := "BTF"
		if m.Booted[o.Release] {
			known = "booted"
		}
		name := o.Release
		if name == "" {
			name = o.Path
		}
		if o.Err != nil {
			fmt.Fprintf(&b, "| %s | | | cannot be read%s |%s\n", escape(name), notes.mark(o.Err.Error()), strings.Repeat(" |", len(probes)))
			continue
		}
		lockdown := o.Lockdown
		if lockdown == "" {
			lockdown = "none"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |", escape(name), o.Arch, lockdown, known)
		for i := range o.Probes {
			b.WriteString(" " + cell(&o.Probes[i], notes) + " |")
		}
		b.WriteByte('\n')
	}
	for i, text := range notes.texts {
		fmt.Fprintf(&b, "\n[^%d]: %s\n", i+1, text)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (m *Matrix) probes() []string {
	for _, o := range m.Outcomes {
		if len(o.Probes) == 0 {
			continue
		}
		var names []string
		for _, p := range o.Probes {
			names = append(names, escape(p.Probe))
		}
		return names
	}
	return nil
}

func cell(r *Resolution, notes *footnotes) string {
	var b strings.Builder
	b.WriteString(r.State.String())
	chosen := r.Chosen()
	if chosen != nil && chosen.Index > 0 {
		b.WriteString(" (" + escape(chosen.Variant) + ")")
	}
	if len(r.Through) > 0 {
		b.WriteString(" (as " + escape(strings.Join(r.Through, ", ")) + ")")
	}
	if len(r.Loses) > 0 {
		b.WriteString(notes.mark("loses " + strings.Join(r.Loses, ", ")))
	}
	if blocked := r.Blocked(); blocked != "" {
		b.WriteString(notes.mark(blocked))
		return b.String()
	}
	for _, rejected := range r.Better() {
		b.WriteString(notes.mark(strings.Join(rejected.Sentences(), "; ")))
	}
	if chosen != nil && chosen.Unsure != "" {
		b.WriteString(notes.mark("to be tried: " + chosen.Unsure))
	}
	if chosen != nil {
		for _, warning := range chosen.Warnings {
			b.WriteString(notes.mark("warning: " + warning))
		}
	}
	return b.String()
}

// footnotes numbers texts, each of them once.
type footnotes struct{ texts []string }

func (f *footnotes) mark(text string) string {
	text = escape(text)
	i := slices.Index(f.texts, text)
	if i < 0 {
		i = len(f.texts)
		f.texts = append(f.texts, text)
	}
	return fmt.Sprintf("[^%d]", i+1)
}

// escape keeps text from ending a table's cell or starting emphasis.
func escape(s string) string {
	return strings.NewReplacer("|", `\|`, "*", `\*`, "\n", " ").Replace(s)
}
