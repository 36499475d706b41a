// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/cilium/ebpf"

	"github.com/ebpfreceiver/ebpfreceiver/internal/timeslice"
)

// kind is what a slice measures. Without a pipeline nothing is attached.
type kind struct {
	name     string
	with     *setup
	pipeline *pipeline
	samples  []sample
	laps     []lap
	bpf      float64 // time of all BPF programs for an operation, ns
	programs map[string]cost
	counts   map[string]int64
}

// sample is one slice.
type sample struct {
	rate   float64 // operations per second
	server float64 // CPU of the server per operation, µs
	own    float64 // CPU of this process per million operations, s
}

const (
	nameBare    = "bare"
	nameAgain   = "bare again (A/A)"
	nameMetrics = "metrics"
	nameSome    = "metrics, 1 % spans"
	nameAll     = "metrics, every span"
	namePlain   = "metrics, every span, no gzip"
	nameShort   = "metrics, every span, slices of 0.1 ms"
	nameHost    = "all processes: 1 % spans"
	nameKernel  = "kernel instruments"
)

// kernelInstruments look at what the kernel does, not at requests.
func kernelInstruments() []string {
	return []string{"tcp", "scheduler", "blockio", "memory", "signals"}
}

func (w *workload) kinds(o options) []*kind {
	of := func(s setup) *setup {
		s.targets = append(s.targets, w.target)
		return &s
	}
	kinds := []*kind{
		{name: nameBare},
		{name: nameAgain},
		{name: nameMetrics, with: of(setup{})},
		{name: nameSome, with: of(setup{spans: true, ratio: 0.01})},
		{name: nameAll, with: of(setup{spans: true, ratio: 1})},
	}
	if timeslice.Set(timeslice.Min) == nil { // else the kernel knows no such slices
		kinds = append(kinds, &kind{name: nameShort, with: of(setup{spans: true, ratio: 1, slice: timeslice.Min})})
		_ = timeslice.Set(0)
	}
	if w.name == "nginx" {
		kinds = append(kinds, &kind{name: namePlain, with: of(setup{spans: true, ratio: 1, plain: true})})
		kinds = append(kinds, &kind{name: nameKernel, with: of(setup{only: kernelInstruments()})})
		for name := range strings.FieldsFuncSeq(o.apart, isComma) {
			kinds = append(kinds, &kind{name: "only " + name, with: of(setup{only: []string{name}})})
		}
		kinds = append(kinds, &kind{name: nameHost, with: &setup{spans: true, ratio: 0.01}})
	}
	last := kinds[len(kinds)-1]
	for name := range strings.FieldsFuncSeq(o.without, isComma) {
		with := *last.with
		with.without = name
		kinds = append(kinds, &kind{name: "the last without " + name, with: &with})
	}
	return slices.DeleteFunc(kinds, func(k *kind) bool { return k.with != nil && !strings.Contains(k.name, o.only) })
}

func isComma(r rune) bool { return r == ',' }

func bench(ctx context.Context, o options) error {
	_, sink, endSink, err := self(-1, nil, "-sink")
	if err != nil {
		return err
	}
	defer endSink()
	r := report{Machine: machine(), SliceMillis: o.slice.Milliseconds(), Rate: o.rate}
	var failed []error
	for _, known := range workloads() {
		if o.workloads != "" && !slices.Contains(strings.Split(o.workloads, ","), known.name) {
			continue
		}
		result, err := measure(ctx, o, sink, known.name, known.start)
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", known.name, err))
			if ctx.Err() != nil {
				break
			}
			continue // the others' figures are worth having
		}
		r.Workloads = append(r.Workloads, result)
	}
	return errors.Join(append(failed, r.finish(o))...)
}

// measure runs one workload.
func measure(ctx context.Context, o options, sink, name string, begin starter) (_ *result, err error) {
	dir, err := os.MkdirTemp("", "loadbench")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	w, endServer, err := begin(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer endServer()
	w.name = name
	kinds := w.kinds(o)
	for _, k := range kinds {
		if k.with == nil {
			continue
		}
		if k.pipeline, err = newPipeline(ctx, sink, *k.with); err != nil {
			return nil, err
		}
		defer k.pipeline.stop(context.WithoutCancel(ctx))
	}
	debug.FreeOSMemory()
	if err := w.fullSpeed(ctx, o, kinds); err != nil {
		return nil, err
	}
	if o.rate > 0 {
		if err := w.atRate(ctx, o, kinds); err != nil {
			return nil, err
		}
	}
	time.Sleep(1200 * time.Millisecond) // the counts are renewed each second
	for _, k := range kinds {
		if k.pipeline != nil {
			if k.counts, err = k.pipeline.counts(ctx, append([]string{w.probe}, k.with.only...)); err != nil {
				return nil, err
			}
		}
	}
	all := newResult(name, kinds)
	all.print()
	if o.programs {
		for _, k := range kinds {
			k.printPrograms()
		}
	}
	return all, nil
}

// shuffled calls do with each kind in a random order, in each round anew.
func shuffled(kinds []*kind, rounds int, do func(*kind) error) error {
	for range rounds {
		order := slices.Clone(kinds)
		rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, k := range order {
			if err := do(k); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *workload) fullSpeed(ctx context.Context, o options, kinds []*kind) error {
	end, err := w.load()
	if err != nil {
		return err
	}
	defer end()
	err = shuffled(kinds, o.rounds, func(k *kind) error {
		return k.attached(ctx, func() error {
			s, err := w.slice(ctx, o.slice)
			k.samples = append(k.samples, s)
			return err
		})
	})
	if err != nil {
		return err
	}
	// Apart from the rest, since the kernel's clock costs as well.
	stats, err := ebpf.EnableStats(0) // BPF_STATS_RUN_TIME
	if err != nil {
		return err
	}
	defer stats.Close()
	for _, k := range kinds {
		if k.pipeline == nil {
			continue
		}
		err := k.attached(ctx, func() error {
			n, err := w.count()
			if err != nil {
				return err
			}
			ns, err := runtimes()
			if err != nil {
				return err
			}
			time.Sleep(o.slice)
			m, err := w.count()
			if err != nil {
				return err
			}
			now, err := runtimes()
			k.programs, k.bpf = perOperation(ns, now, m-n)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// atRate measures latencies, without probes and with all that there are.
func (w *workload) atRate(ctx context.Context, o options, kinds []*kind) error {
	chosen := slices.DeleteFunc(slices.Clone(kinds), func(k *kind) bool { return k.with != nil && k.name != nameAll && k.name != nameShort })
	p, end, err := paced(driverOf(w), w.address, o.rate)
	if err != nil {
		return err
	}
	defer end()
	return shuffled(chosen, (o.rounds+1)/2, func(k *kind) error {
		return k.attached(ctx, func() error {
			if _, err := p.lap(); err != nil {
				return err
			}
			time.Sleep(2 * o.slice)
			l, err := p.lap()
			k.laps = append(k.laps, l)
			return errors.Join(err, ctx.Err())
		})
	})
}

// driverOf names the driver that speaks the workload's protocol.
func driverOf(w *workload) string {
	if strings.HasPrefix(w.address, "http") {
		return "http"
	}
	return w.name
}

// settle is how long a slice runs before it is measured. Probes that look into
// executables do so when they are attached and a little later again.
const settle = time.Second

// attached runs do while the kind's programs, if it has any, are attached.
func (k *kind) attached(ctx context.Context, do func() error) error {
	if k.pipeline != nil {
		if err := k.pipeline.Resume(ctx); err != nil {
			return err
		}
		// The limit itself is the process's, and would be that of the other kinds as well.
		if err := timeslice.Set(k.with.slice); err != nil {
			return err
		}
		defer func() { _ = timeslice.Set(0) }()
	}
	time.Sleep(settle)
	if err := errors.Join(do(), ctx.Err()); err != nil || k.pipeline == nil {
		return err
	}
	if err := k.pipeline.Pause(); err != nil {
		return err
	}
	// What is still in the ring must not burden the next slice.
	for end := time.Now().Add(10 * time.Second); k.pipeline.Pending() > 0 && time.Now().Before(end); {
		time.Sleep(20 * time.Millisecond)
	}
	return nil
}

// slice measures for some time.
func (w *workload) slice(ctx context.Context, length time.Duration) (s sample, err error) {
	before, err := w.take()
	if err != nil {
		return s, err
	}
	select {
	case <-ctx.Done():
	case <-time.After(length):
	}
	after, err := w.take()
	if err != nil {
		return s, err
	}
	n := float64(after.operations - before.operations)
	if n == 0 {
		return s, errors.New("the server has served nothing")
	}
	return sample{
		rate:   n / after.at.Sub(before.at).Seconds(),
		server: float64(after.server-before.server) / 1e3 / n,
		own:    (after.own - before.own).Seconds() / n * 1e6,
	}, nil
}

// reading is the state of all counters at one moment.
type reading struct {
	at         time.Time
	operations uint64
	server     uint64
	own        time.Duration
}

func (w *workload) take() (r reading, err error) {
	if r.operations, err = w.count(); err != nil {
		return r, err
	}
	pids, err := family(w.pid)
	if err != nil {
		return r, err
	}
	for _, pid := range pids {
		ns, err := schedstat(pid)
		if err != nil && pid != w.pid {
			continue // a child that served the count, as PostgreSQL's
		}
		if err != nil {
			return r, err
		}
		r.server += ns
	}
	r.own, r.at = ownCPU(), time.Now()
	return r, nil
}
