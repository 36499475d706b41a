// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && amd64

package probes_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/compat"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// pages is where the page of each probe is.
const pages = "../../docs/probes"

// TestPages keeps a page for each probe: what it emits, needs, cannot see and costs. With
// UPDATE_GOLDEN=1 in the environment the pages are written.
func TestPages(t *testing.T) {
	s := newSources(t)
	want := map[string]string{}
	for _, f := range probes.All() {
		want[f.Manifest.Name+".md"] = s.page(t, f.Manifest)
	}
	if os.Getenv("UPDATE_GOLDEN") == "1" {
		require.NoError(t, os.MkdirAll(pages, 0o755))
		for name, text := range want {
			require.NoError(t, os.WriteFile(filepath.Join(pages, name), []byte(text), 0o644))
		}
	}
	found, err := os.ReadDir(pages)
	require.NoError(t, err, "write them with make docs")
	for _, file := range found {
		text, err := os.ReadFile(filepath.Join(pages, file.Name()))
		require.NoError(t, err)
		page, ok := want[file.Name()]
		require.True(t, ok, "%s is of no probe: remove it", file.Name())
		delete(want, file.Name())
		assert.Equal(t, page, string(text), "%s is not what the probe is: make docs writes it", file.Name())
	}
	assert.Empty(t, want, "these pages are missing: make docs writes them")
}

// page is what there is to say of a probe.
func (s *sources) page(t testing.TB, m probe.Manifest) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# The probe %s\n\n%s\n\nThis page is generated; `make docs` writes it.\n\n", m.Name, m.Summary)
	fmt.Fprintf(&b, "| | |\n|---|---|\n| Kind | %s |\n| Signals | %s |\n| Stability | %s |\n| Loaded | %s |\n| Depends on | %s |\n\n",
		m.Kind, or(m.Signals.String(), "none of its own"), strings.ToLower(m.Stability.String()), loaded(m), or(links(m.DependsOn), "nothing"))
	if d := m.Deprecated; d != nil {
		fmt.Fprintf(&b, "**Deprecated** since %s, removed in %s: use %s.\n\n", d.Since, d.RemovedIn, d.Use)
	}
	s.emits(&b, m)
	s.variants(&b, m)
	needs(t, &b, m)
	s.capabilities(&b, m)
	s.costs(&b, m)
	return strings.TrimRight(b.String(), "\n") + "\n"
}

func loaded(m probe.Manifest) string {
	switch {
	case m.Extends != "":
		return "whenever [" + m.Extends + "](" + m.Extends + ".md) is"
	case m.Kind == probe.Daemon:
		return "if a probe that depends on it is"
	case m.OptIn:
		return "only when its section is configured"
	}
	return "by default, when `probes` names none"
}

func links(names []string) string {
	var all []string
	for _, n := range names {
		all = append(all, "["+n+"]("+n+".md)")
	}
	return strings.Join(all, ", ")
}

func or(text, instead string) string {
	if text == "" {
		return instead
	}
	return text
}

// emits says what becomes of what the probe sees.
func (s *sources) emits(b *strings.Builder, m probe.Manifest) {
	b.WriteString("## What it emits\n\n")
	if m.Kind == probe.Daemon {
		var serves []string
		for _, f := range probes.All() {
			if slices.Contains(f.Manifest.DependsOn, m.Name) {
				serves = append(serves, f.Manifest.Name)
			}
		}
		fmt.Fprintf(b, "Nothing of its own. It serves %s.\n\n", or(links(serves), "no other probe"))
	}
	for _, name := range s.eventsOf(m.Name) {
		e := s.metadata.Events[name]
		fmt.Fprintf(b, "Log records `%s`: %s\n\n| Attribute | Type | |\n|---|---|---|\n", name, strings.TrimSpace(e.Description))
		for _, a := range e.Attributes {
			attribute := s.metadata.Attributes[a]
			fmt.Fprintf(b, "| `%s` | %s | %s |\n", a, attribute.Type, strings.TrimSpace(attribute.Description))
		}
		b.WriteString("\n")
	}
	spans := false
	for _, section := range s.sectionsOf(m.Name) {
		spans = spans || section.spans
		if len(section.metrics) > 0 {
			fmt.Fprintf(b, "Metrics, whose attributes are [described apart](../metrics.md#%s):\n\n| Name | Unit | Type |\n|---|---|---|\n", section.anchor)
			for _, row := range section.metrics {
				fmt.Fprintf(b, "| %s | %s | %s |\n", row[0], row[1], row[2])
			}
			b.WriteString("\n")
		}
		if section.spans {
			fmt.Fprintf(b, "Spans, which are [described apart](../metrics.md#%s).\n\n", section.anchor)
		}
	}
	if m.Signals.Has(probe.Traces) && !spans {
		b.WriteString("Spans by OpenTelemetry's semantic conventions.\n\n")
	}
}

// variants says what each variant cannot see, and which kernels it was chosen on.
func (s *sources) variants(b *strings.Builder, m probe.Manifest) {
	b.WriteString("## Variants\n\n")
	if len(m.Variants) == 0 {
		fmt.Fprintf(b, "It brings no BPF program: what it tells comes from %s.\n\n", links(m.DependsOn))
		return
	}
	b.WriteString("Best first; the first one that a kernel supports is loaded. Which that is on a host tells `ebpfcompat check`.\n\n" +
		"| Variant | What it cannot see | Of Debian's kernels, without lockdown, on |\n|---|---|---|\n")
	for _, v := range m.Variants {
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", v.Name, or(strings.Join(v.Loses, "; "), "-"), or(strings.Join(s.chosen(m.Name, v.Name), ", "), "-"))
	}
	b.WriteString("\n")
	if none := s.chosen(m.Name, ""); len(none) > 0 {
		fmt.Fprintf(b, "It does not run on %s. ", strings.Join(none, ", "))
	}
	b.WriteString("[support.md](../support.md) has all kernels, with what lockdown forbids and why.\n\n")
}

// classes says what the stability of each class means.
var classes = map[compat.Class]string{
	compat.ClassUAPI: "does not break", compat.ClassHelper: "numbers and signatures do not change",
	compat.ClassTracepoint: "rarely changes, without a promise", compat.ClassInternal: "changes at will",
	compat.ClassKfunc: "as stable as an exported symbol",
}

// needs says what each variant needs of a kernel, by how stable that is.
func needs(t testing.TB, b *strings.Builder, m probe.Manifest) {
	if len(m.Variants) == 0 {
		return
	}
	b.WriteString("## What it needs of a kernel\n\nDerived from the compiled objects. What is in italics is used if it is there.\n\n")
	for _, v := range m.Variants {
		spec, err := v.Whole()
		require.NoError(t, err, "variant %s", v.Name)
		all, err := compat.Needs(spec, v.Programs)
		require.NoError(t, err, "variant %s", v.Name)
		fmt.Fprintf(b, "### %s\n\n| Stability | Of | Needed |\n|---|---|---|\n", v.Name)
		for class := compat.ClassUAPI; class <= compat.ClassKfunc; class++ {
			for kind := compat.KindProgramType; kind <= compat.KindObject; kind++ {
				var items []string
				for _, n := range all {
					if n.Class != class || n.Kind != kind {
						continue
					}
					item := "`" + n.Name + "`"
					if n.Optional {
						item = "*" + item + "*"
					}
					if !slices.Contains(items, item) {
						items = append(items, item)
					}
				}
				if len(items) > 0 {
					fmt.Fprintf(b, "| %s: %s | %s | %s |\n", class, classes[class], kind, strings.Join(items, ", "))
				}
			}
		}
		b.WriteString("\n")
	}
}

// capabilities says what a receiver that is not root needs for the probe.
func (s *sources) capabilities(b *strings.Builder, m probe.Manifest) {
	if _, ok := s.rights.Variants[m.Name]; !ok {
		return
	}
	var all []string
	for _, r := range s.rights.Capabilities {
		if slices.Contains(r.Stopped, m.Name) {
			all = append(all, fmt.Sprintf("- `%s`: it does not run without.", r.Capability))
		} else if blind := r.Blind[m.Name]; len(blind) > 0 {
			all = append(all, fmt.Sprintf("- `%s`: without it nothing is said of %s.", r.Capability, strings.Join(blind, "; ")))
		}
	}
	fmt.Fprintf(b, "## The rights it needs\n\n")
	if len(all) == 0 {
		fmt.Fprintf(b, "None but those of %s.\n\n", or(links(m.DependsOn), "any program"))
		return
	}
	fmt.Fprintf(b, "Found by taking them away one by one on Linux %s, %s; [support.md](../support.md#the-rights-that-each-probe-needs) tells of others:\n\n%s\n\n",
		s.rights.Kernel, s.rights.Arch, strings.Join(all, "\n"))
}

// costs says what was measured.
func (s *sources) costs(b *strings.Builder, m probe.Manifest) {
	c := s.costOf(m.Name)
	if c == nil {
		return
	}
	fmt.Fprintf(b, "## What it costs\n\nMeasured by the kernel (`bpf_stats_enabled`) on %s, variant `%s`, under %s:\n\n| Program | Calls | Mean time of a call |\n|---|---|---|\n",
		c.Kernel, c.Variant, c.Load)
	for _, p := range c.Programs {
		fmt.Fprintf(b, "| `%s` | %d | %d ns |\n", p.Name, p.Calls, p.Nanoseconds)
	}
	b.WriteString("\nThe kernel's measuring is part of it. Whoever the program is called for bears it.\n" +
		"Such times differ by a third from one run to the next.\n\n")
}
