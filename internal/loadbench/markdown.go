// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
)

const (
	beginMark = "<!-- make bench-load UPDATE=1 writes from here -->\n"
	endMark   = "<!-- to here -->\n"
)

func (r *report) writeMarkdown(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head, rest, ok := bytes.Cut(text, []byte(beginMark))
	_, tail, ends := bytes.Cut(rest, []byte(endMark))
	if !ok || !ends {
		return fmt.Errorf("%s does not have the marks between which the tables stand", path)
	}
	return os.WriteFile(path, slices.Concat(head, []byte(beginMark), []byte(r.tables()), []byte(endMark), tail), 0o644)
}

// tables are Markdown.
func (r *report) tables() string {
	var b strings.Builder
	row := func(cells ...string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	fmt.Fprintf(&b, "\nMeasured on %s, in slices of %d ms; medians, with minimum and maximum.\n", r.Machine, r.SliceMillis)
	for _, t := range []struct {
		title string
		cell  func(*line) string
	}{
		{"Throughput, as a share of that without the receiver", func(l *line) string {
			return fmt.Sprintf("**%.2f** (%.2f–%.2f)", l.Ratio.Median, l.Ratio.Min, l.Ratio.Max)
		}},
		{"CPU of the server, µs per operation", func(l *line) string { return fmt.Sprintf("%.1f", l.Server.Median) }},
		{"CPU of the receiver with exporters, s per million operations (without one: that of the bench)", func(l *line) string { return fmt.Sprintf("%.1f", l.Own.Median) }},
		{"BPF programs, ns per operation, by the kernel's statistics", func(l *line) string {
			if l.BPF == 0 {
				return "–"
			}
			return fmt.Sprintf("%.0f", l.BPF)
		}},
	} {
		fmt.Fprintf(&b, "\n### %s\n\n", t.title)
		names := []string{nameBare, nameAgain, nameMetrics, nameSome, nameAll, nameShort, namePlain, nameKernel, nameHost}
		row(append([]string{""}, names...)...)
		row(slices.Repeat([]string{"---"}, len(names)+1)...)
		for _, w := range r.Workloads {
			cells := []string{fmt.Sprintf("%s, %d rounds", w.Workload, w.Rounds)}
			for _, name := range names {
				l := w.line(name)
				switch {
				case l == nil:
					cells = append(cells, "–")
				case name == nameBare && strings.HasPrefix(t.title, "Throughput"):
					cells = append(cells, fmt.Sprintf("%.0f/s", l.PerSecond.Median))
				default:
					cells = append(cells, t.cell(l))
				}
			}
			row(cells...)
		}
	}
	if r.Rate > 0 {
		fmt.Fprintf(&b, "\n### Latency at %d operations per second, µs\n\n", r.Rate)
		row("", "p50 without", "p50 added by every span", "the same, A/A", "p99 without", "p99 added by every span", "with slices of 0.1 ms", "A/A")
		row(slices.Repeat([]string{"---"}, 8)...)
		plain := func(f *figures) string {
			if f == nil {
				return "–"
			}
			return fmt.Sprintf("%.0f", f.Median)
		}
		added := func(f *figures) string { return fmt.Sprintf("%.0f (%.0f–%.0f)", f.Median, f.Min, f.Max) }
		for _, w := range r.Workloads {
			bare, again, all := w.line(nameBare), w.line(nameAgain), w.line(nameAll)
			if all == nil || all.P50Added == nil || again == nil || again.P50Added == nil {
				continue
			}
			short := "–"
			if l := w.line(nameShort); l != nil && l.P99Added != nil {
				short = added(l.P99Added)
			}
			row(w.Workload, plain(bare.P50), added(all.P50Added), added(again.P50Added), plain(bare.P99), added(all.P99Added), short, added(again.P99Added))
		}
	}
	b.WriteString("\n### Events of the Instrument, over all slices\n\n")
	row("", "kind", "seen", "delivered", "sampled out", "filtered", "lost", "memory of all receivers of the run, MiB")
	row(slices.Repeat([]string{"---"}, 8)...)
	for _, w := range r.Workloads {
		for _, l := range w.Kinds {
			if c := l.Events; len(c) > 0 {
				row(w.Workload, l.Kind, fmt.Sprint(c["seen"]), fmt.Sprint(c["delivered"]), fmt.Sprint(c["sampled_out"]), fmt.Sprint(c["filtered"]), fmt.Sprint(c["lost"]), fmt.Sprint(w.MemoryMiB))
			}
		}
	}
	b.WriteString("\n")
	return b.String()
}
