// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// report is what -json writes.
type report struct {
	Machine     string    `json:"machine"`
	Rounds      int       `json:"rounds"`
	SliceMillis int64     `json:"slice_ms"`
	Rate        int       `json:"rate_of_latencies"`
	Workloads   []*result `json:"workloads"`
}

// result is of one workload.
type result struct {
	Workload  string  `json:"workload"`
	MemoryMiB uint64  `json:"resident_mib_of_all_receivers"`
	Kinds     []*line `json:"kinds"`
}

// line is of one kind of slices.
type line struct {
	Kind      string           `json:"kind"`
	PerSecond figures          `json:"operations_per_s"`
	Ratio     figures          `json:"throughput_ratio"`
	Server    figures          `json:"server_cpu_us_per_operation"`
	Own       figures          `json:"own_cpu_s_per_million"`
	BPF       float64          `json:"bpf_ns_per_operation,omitempty"`
	P50       *figures         `json:"p50_us,omitempty"`
	P99       *figures         `json:"p99_us,omitempty"`
	P50Added  *figures         `json:"p50_added_us,omitempty"`
	P99Added  *figures         `json:"p99_added_us,omitempty"`
	Events    map[string]int64 `json:"events,omitempty"`
}

type figures struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

func spread[T any](all []T, of func(int, T) float64) figures {
	v := make([]float64, 0, len(all))
	for i, a := range all {
		v = append(v, of(i, a))
	}
	slices.Sort(v)
	n := len(v)
	if n == 0 {
		return figures{}
	}
	return figures{(v[n/2] + v[(n-1)/2]) / 2, v[0], v[n-1]}
}

func newResult(name string, kinds []*kind) *result {
	r := &result{Workload: name, MemoryMiB: ownMemory() >> 20}
	bare := kinds[0]
	for _, k := range kinds {
		l := &line{
			Kind: k.name, BPF: k.bpf, Events: k.counts,
			PerSecond: spread(k.samples, func(_ int, s sample) float64 { return s.rate }),
			Ratio:     spread(k.samples, func(i int, s sample) float64 { return s.rate / bare.samples[i].rate }),
			Server:    spread(k.samples, func(_ int, s sample) float64 { return s.server }),
			Own:       spread(k.samples, func(_ int, s sample) float64 { return s.own }),
		}
		if len(k.laps) > 0 {
			of := func(f func(int, lap) float64) *figures { s := spread(k.laps, f); return &s }
			l.P50 = of(func(_ int, p lap) float64 { return float64(p.p50.Nanoseconds()) / 1e3 })
			l.P99 = of(func(_ int, p lap) float64 { return float64(p.p99.Nanoseconds()) / 1e3 })
			l.P50Added = of(func(i int, p lap) float64 { return float64((p.p50 - bare.laps[i].p50).Nanoseconds()) / 1e3 })
			l.P99Added = of(func(i int, p lap) float64 { return float64((p.p99 - bare.laps[i].p99).Nanoseconds()) / 1e3 })
		}
		r.Kinds = append(r.Kinds, l)
	}
	return r
}

func (r *result) print() {
	fmt.Printf("\n%-26s %12s %22s %20s %20s %7s %20s %20s\n", r.Workload, "operations/s", "ratio (min–max)", "server µs/operation", "own CPU s/1e6", "BPF ns",
		"p50 added µs", "p99 added µs")
	for _, l := range r.Kinds {
		fmt.Printf("%-26s %12.0f %8.3f (%.3f–%.3f) %8.2f (%.1f–%.1f) %8.2f (%.1f–%.1f) %7.0f", l.Kind, l.PerSecond.Median,
			l.Ratio.Median, l.Ratio.Min, l.Ratio.Max, l.Server.Median, l.Server.Min, l.Server.Max, l.Own.Median, l.Own.Min, l.Own.Max, l.BPF)
		for _, f := range []*figures{l.P50Added, l.P99Added} {
			if f != nil {
				fmt.Printf(" %6.0f (%.0f–%.0f)", f.Median, f.Min, f.Max)
			}
		}
		fmt.Println()
	}
	for _, l := range r.Kinds {
		if c := l.Events; c != nil {
			fmt.Printf("%-26s seen %d = delivered %d + sampled out %d + filtered %d + lost %d\n", l.Kind, c["seen"], c["delivered"], c["sampled_out"], c["filtered"], c["lost"])
		}
	}
	fmt.Printf("resident memory of all these receivers and exporters in one process: %d MiB\n", r.MemoryMiB)
}

func (r *result) line(kind string) *line {
	for _, l := range r.Kinds {
		if l.Kind == kind {
			return l
		}
	}
	return nil
}

// finish writes the files, and compares.
func (r *report) finish(o options) error {
	var worse error
	if o.compare != "" {
		then, err := readReport(o.compare)
		if err != nil {
			return err
		}
		worse = errors.Join(r.worseThan(then, o.tolerance)...)
	}
	if o.json != "" {
		b, err := json.MarshalIndent(r, "", "\t")
		if err != nil {
			return err
		}
		if err := os.WriteFile(o.json, append(b, '\n'), 0o644); err != nil {
			return err
		}
	}
	if o.markdown != "" {
		if err := r.writeMarkdown(o.markdown); err != nil {
			return err
		}
	}
	return worse
}

func readReport(path string) (*report, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := new(report)
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// slack is what CPU seconds per million operations may grow by besides the tolerance, as the
// bench's own are in them.
const slack = 0.5

// worseThan compares medians.
func (r *report) worseThan(then *report, tolerance float64) (all []error) {
	for _, w := range r.Workloads {
		i := slices.IndexFunc(then.Workloads, func(o *result) bool { return o.Workload == w.Workload })
		if i < 0 {
			continue
		}
		for _, l := range w.Kinds {
			old := then.Workloads[i].line(l.Kind)
			if old == nil || l.Kind == nameBare || l.Kind == nameAgain {
				continue
			}
			if l.Ratio.Median < old.Ratio.Median*(1-tolerance) {
				all = append(all, fmt.Errorf("%s, %s: the throughput is %.3f of bare; it was %.3f", w.Workload, l.Kind, l.Ratio.Median, old.Ratio.Median))
			}
			if l.Own.Median > old.Own.Median*(1+3*tolerance)+slack {
				all = append(all, fmt.Errorf("%s, %s: the receiver takes %.2f s of CPU for a million operations; it took %.2f", w.Workload, l.Kind, l.Own.Median, old.Own.Median))
			}
		}
	}
	return all
}

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
	fmt.Fprintf(&b, "\nMeasured on %s, %d rounds of slices of %d ms; medians, with minimum and maximum.\n", r.Machine, r.Rounds, r.SliceMillis)
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
		names := []string{nameBare, nameAgain, nameMetrics, nameSome, nameAll, nameKernel, nameHost}
		row(append([]string{""}, names...)...)
		row(slices.Repeat([]string{"---"}, len(names)+1)...)
		for _, w := range r.Workloads {
			cells := []string{w.Workload}
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
		row("", "p50 without", "p50 added by every span", "the same, A/A", "p99 without", "p99 added by every span", "the same, A/A")
		row(slices.Repeat([]string{"---"}, 7)...)
		added := func(f *figures) string { return fmt.Sprintf("%.0f (%.0f–%.0f)", f.Median, f.Min, f.Max) }
		for _, w := range r.Workloads {
			bare, again, all := w.line(nameBare), w.line(nameAgain), w.line(nameAll)
			if all == nil || all.P50 == nil {
				continue
			}
			row(w.Workload, fmt.Sprintf("%.0f", bare.P50.Median), added(all.P50Added), added(again.P50Added),
				fmt.Sprintf("%.0f", bare.P99.Median), added(all.P99Added), added(again.P99Added))
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

// machine says on what was measured.
func machine() string {
	var u unix.Utsname
	_ = unix.Uname(&u)
	model := runtime.GOARCH
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, rest, ok := strings.Cut(string(b), "model name\t: "); ok {
			model, _, _ = strings.Cut(rest, "\n")
		}
	}
	return fmt.Sprintf("Linux %s, %d processors (%s)", unix.ByteSliceToString(u.Release[:]), runtime.NumCPU(), model)
}
