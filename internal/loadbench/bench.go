// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// kind is what a slice measures. Without a pipeline nothing is attached.
type kind struct {
	name     string
	ratio    float64  // of traces that are kept; 0: no receiver
	without  string   // a probe that is left out
	probes   []string // the Instruments that run; nil: those that do by default
	targets  []discovery.Selector
	pipeline *pipeline
	samples  []sample
}

// wants tells whether the Instrument runs.
func (k *kind) wants(m *probe.Manifest) bool {
	if k.probes == nil {
		return !m.OptIn
	}
	return slices.Contains(k.probes, m.Name)
}

// kernelOnly are the Instruments that look at what the kernel does for a process, not at requests.
func kernelOnly() []string {
	return []string{"tcp", "scheduler", "blockio", "memory", "signals"}
}

// sample is one slice.
type sample struct {
	rate   float64 // requests per second
	server float64 // CPU of nginx per request, µs
	own    float64 // CPU of this process per million requests, s
}

func bench(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "loadbench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	sink, endSink, err := startSink(ctx)
	if err != nil {
		return err
	}
	defer endSink()
	s, endServer, err := startServer(ctx, dir, o.server, o.tls)
	if err != nil {
		return err
	}
	defer endServer()
	kinds := []*kind{
		{name: "bare"},
		{name: "bare again (A/A)"},
		{name: "nginx: metrics, 1 % spans", ratio: 0.01, targets: []discovery.Selector{{Exe: "**/nginx"}}},
		{name: "nginx: metrics, all spans", ratio: 1, targets: []discovery.Selector{{Exe: "**/nginx"}}},
		{name: "all processes: 1 % spans", ratio: 0.01},
	}
	if o.server != "nginx" {
		targets := []discovery.Selector{{PID: s.worker}}
		kinds = append(kinds[:2], &kind{name: o.server + ": metrics, 1 % spans", ratio: 0.01, targets: targets},
			&kind{name: o.server + ": metrics, all spans", ratio: 1, targets: targets},
			&kind{name: o.server + ": the same without go", ratio: 1, targets: targets, without: "go"})
	}
	last := kinds[len(kinds)-1]
	for _, name := range strings.FieldsFunc(o.without, func(r rune) bool { return r == ',' }) {
		kinds = append(kinds, &kind{name: "the last without " + name, ratio: last.ratio, targets: last.targets, without: name})
	}
	if o.server == "nginx" {
		targets := []discovery.Selector{{Exe: "**/nginx"}}
		kinds = append(kinds, &kind{name: "nginx: kernel, no requests", ratio: 1, probes: kernelOnly(), targets: targets},
			&kind{name: "all: kernel, no requests", ratio: 1, probes: kernelOnly()})
		for _, name := range strings.FieldsFunc(o.apart, func(r rune) bool { return r == ',' }) {
			kinds = append(kinds, &kind{name: "nginx: kernel, only " + name, ratio: 1, probes: []string{name}, targets: targets})
		}
	}
	if o.only != "" {
		kinds = slices.DeleteFunc(kinds, func(k *kind) bool { return k.ratio > 0 && !strings.Contains(k.name, o.only) })
	}
	for _, k := range kinds {
		if k.ratio == 0 {
			continue
		}
		if k.pipeline, err = newPipeline(ctx, sink, k); err != nil {
			return err
		}
		defer k.pipeline.stop(context.WithoutCancel(ctx))
	}
	endWrk, err := startWrk(ctx, s, o.connections)
	if err != nil {
		return err
	}
	defer endWrk()

	debug.FreeOSMemory()
	if o.tls {
		fmt.Print("over TLS: ")
	}
	fmt.Printf("%s under wrk, %d connections, %d rounds of %d slices of %v\n", o.server, o.connections, o.rounds, len(kinds), o.slice)
	for range o.rounds {
		order := slices.Clone(kinds)
		rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, k := range order {
			if err := k.measure(ctx, s, o.slice); err != nil {
				return err
			}
		}
	}
	endWrk()
	print(kinds)
	for _, k := range kinds {
		if k.pipeline == nil {
			continue
		}
		time.Sleep(1200 * time.Millisecond) // the counts are renewed each second
		c, err := k.pipeline.counts(ctx, append([]string{"http"}, k.probes...)...)
		if err != nil {
			return err
		}
		fmt.Printf("%-26s seen %d = delivered %d + sampled out %d + filtered %d + lost %d\n",
			k.name, c["seen"], c["delivered"], c["sampled_out"], c["filtered"], c["lost"])
	}
	fmt.Printf("resident memory of all these receivers and exporters in one process: %d MiB\n", ownMemory()>>20)
	return nil
}

func startServer(ctx context.Context, dir, kind string, tls bool) (*server, func(), error) {
	switch kind {
	case "nginx":
		return startNginx(ctx, dir, tls)
	case "go":
		return startGo(ctx, tls)
	}
	return nil, nil, fmt.Errorf("there is no server %q; there are nginx and go", kind)
}

// settle is how long a slice runs before it is measured. Probes that look into
// executables do so when they are attached and a little later again.
const settle = time.Second

func (k *kind) measure(ctx context.Context, s *server, length time.Duration) error {
	if k.pipeline != nil {
		if err := k.pipeline.Resume(ctx); err != nil {
			return err
		}
	}
	time.Sleep(settle)
	before, err := take(s)
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case <-time.After(length):
	}
	after, err := take(s)
	if err != nil {
		return err
	}
	n := float64(after.requests - before.requests)
	k.samples = append(k.samples, sample{
		rate:   n / after.at.Sub(before.at).Seconds(),
		server: float64(after.server-before.server) / 1e3 / n,
		own:    (after.own - before.own).Seconds() / n * 1e6,
	})
	if k.pipeline == nil {
		return ctx.Err()
	}
	if err := k.pipeline.Pause(); err != nil {
		return err
	}
	// What is still in the ring must not burden the next slice.
	for end := time.Now().Add(10 * time.Second); k.pipeline.Pending() > 0 && time.Now().Before(end); {
		time.Sleep(20 * time.Millisecond)
	}
	return ctx.Err()
}

// reading is the state of all counters at one moment.
type reading struct {
	at       time.Time
	requests uint64
	server   uint64
	own      time.Duration
}

func take(s *server) (r reading, err error) {
	if r.requests, err = s.requests(); err != nil {
		return r, err
	}
	if r.server, err = schedstat(s.worker); err != nil {
		return r, err
	}
	r.own, r.at = ownCPU(), time.Now()
	return r, nil
}

func print(kinds []*kind) {
	base := kinds[0]
	fmt.Printf("\n%-26s %12s %22s %20s %20s\n", "", "requests/s", "ratio (min–max)", "server µs/request", "own CPU s/1e6")
	for _, k := range kinds {
		ratios := make([]float64, 0, len(k.samples))
		for i := range k.samples {
			ratios = append(ratios, k.samples[i].rate/base.samples[i].rate)
		}
		of := func(f func(sample) float64) []float64 {
			v := make([]float64, 0, len(k.samples))
			for _, s := range k.samples {
				v = append(v, f(s))
			}
			return v
		}
		r, c, o := spread(ratios), spread(of(func(s sample) float64 { return s.server })), spread(of(func(s sample) float64 { return s.own }))
		fmt.Printf("%-26s %12.0f %8.3f (%.3f–%.3f) %8.2f (%.1f–%.1f) %8.2f (%.1f–%.1f)\n", k.name,
			spread(of(func(s sample) float64 { return s.rate })).median,
			r.median, r.min, r.max, c.median, c.min, c.max, o.median, o.min, o.max)
	}
	fmt.Println()
}

type figures struct{ median, min, max float64 }

func spread(v []float64) figures {
	slices.Sort(v)
	n := len(v)
	if n == 0 {
		return figures{}
	}
	return figures{(v[n/2] + v[(n-1)/2]) / 2, v[0], v[n-1]}
}
