// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// report is what -json writes.
type report struct {
	Machine     string    `json:"machine"`
	SliceMillis int64     `json:"slice_ms"`
	Rate        int       `json:"rate_of_latencies"`
	Workloads   []*result `json:"workloads"`
}

// result is of one workload.
type result struct {
	Workload  string  `json:"workload"`
	Rounds    int     `json:"rounds"`
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
	bare := kinds[0]
	r := &result{Workload: name, Rounds: len(bare.samples), MemoryMiB: ownMemory() >> 20}
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
		if err := r.keep(o.json); err != nil {
			return err
		}
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

// keep takes over what the file says of workloads and kinds that were not measured.
func (r *report) keep(path string) error {
	then, err := readReport(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for i, old := range then.Workloads {
		at := slices.IndexFunc(r.Workloads, func(w *result) bool { return w.Workload == old.Workload })
		if at < 0 {
			continue
		}
		now := r.Workloads[at]
		for _, l := range old.Kinds {
			if now.line(l.Kind) == nil {
				now.Kinds = append(now.Kinds, l)
			}
		}
		then.Workloads[i] = now
	}
	for _, w := range r.Workloads {
		if !slices.Contains(then.Workloads, w) {
			then.Workloads = append(then.Workloads, w)
		}
	}
	r.Workloads = then.Workloads
	return nil
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
