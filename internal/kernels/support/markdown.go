// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package support

import (
	"fmt"
	"slices"
	"strings"
)

const head = `# Which probe works where

This page is generated from ` + "`internal/kernels/support/results.json`" + `; ` + "`make docs`" + ` writes it. The kernels are
Debian's. Other builds of the same version may differ: ask ` + "`ebpfcompat check`" + ` on the host, or give it the
kernel's image.

- **full**: the best variant of the probe runs.
- **degraded**: a variant that sees less runs, of the probe or of one that it depends on. The note says what is lost and
  why no better one runs.
- **unsupported**: no variant runs. The note says why.

What has no mark was booted: the receiver came to the same in that kernel. With each variant that the kernel has it
observed processes and HTTP exchanges whose number and outcome were known, and nothing was missing or wrong.
What is marked ° is known from the kernel's types (BTF) and its configuration only.

## What a kernel may skip

A program on a function can be preempted, and from 7.0 on one on a tracepoint, too (kernel commit a46023d5616e). Until
it goes on, the kernel skips it on that processor for all others: the count that keeps a program from running
within itself is one per processor. How often that happens depends on ` + "`preempt=`" + `: with ` + "`lazy`" + `, which Debian builds from
6.18 on, a task in the kernel gives way only after a whole tick there, or to a real-time task; with ` + "`full`" + `, to any.

What was skipped is counted as ` + "`otelcol_ebpf_events_lost`" + ` with the cause ` + "`missed`" + `. An exchange of which a part was
skipped is counted as lost as well; it is never given the response to another one. The kfunc bpf_preempt_disable
would not help: it is in bpf_preempt_enable that the kernel then gives way, and there the program still counts as running.

## The kernels

`

// Markdown makes the page.
func Markdown(rows []Row, rights *Rights, libraries []Library) string {
	var b strings.Builder
	b.WriteString(head)
	var columns []string
	for _, r := range rows {
		for _, p := range r.Probes {
			if !slices.Contains(columns, p.Name) {
				columns = append(columns, p.Name)
			}
		}
	}
	fmt.Fprintf(&b, "| kernel | architecture | lockdown | %s |\n|---|---|---|%s\n", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
	var n notes
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %s | %s |", r.Kernel, r.Arch, r.Lockdown)
		for _, name := range columns {
			if i := slices.IndexFunc(r.Probes, func(p Probe) bool { return p.Name == name }); i >= 0 {
				b.WriteString(" " + n.cell(&r.Probes[i]) + " |")
			} else {
				b.WriteString(" |")
			}
		}
		b.WriteByte('\n')
	}
	b.WriteString(rights.table(&n))
	b.WriteString(librariesTable(libraries))
	b.WriteString("\n## Notes\n\n")
	for i, text := range n.texts {
		fmt.Fprintf(&b, "%d. %s\n", i+1, text)
	}
	return b.String()
}

// notes numbers texts, each of them once.
type notes struct{ texts []string }

func (n *notes) cell(p *Probe) string {
	text := p.State
	if !p.Booted {
		text += "°"
	}
	var parts []string
	if len(p.Through) > 0 {
		parts = append(parts, "As "+strings.Join(p.Through, ", ")+".")
	}
	if p.Variant != "" {
		parts = append(parts, "Runs as `"+p.Variant+"`.")
	}
	// What is lost through another probe is said there.
	if len(p.Loses) > 0 && len(p.Through) == 0 {
		parts = append(parts, "Cannot see: "+strings.Join(p.Loses, "; ")+".")
	}
	if len(p.Reasons) > 0 {
		parts = append(parts, "Not in a better way: "+strings.Join(p.Reasons, "; ")+".")
	}
	if len(parts) == 0 {
		return text
	}
	note := strings.NewReplacer("|", `\|`, "*", `\*`, "\n", " ").Replace(strings.Join(parts, " "))
	return fmt.Sprintf("%s [%d](#notes)", text, n.number(note))
}

// number gives the number of a text.
func (n *notes) number(text string) int {
	i := slices.Index(n.texts, text)
	if i < 0 {
		i = len(n.texts)
		n.texts = append(n.texts, text)
	}
	return i + 1
}
