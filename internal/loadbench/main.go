// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Command loadbench measures what the receiver costs a loaded server, and what it costs itself.
// For each of several servers there is one continuous load, on loopback, while probes are
// attached and detached in random order in short slices: first at full speed, then with a
// fixed rate for what is added to latencies. Two of the kinds of slices are the same, without
// any probe: what differs less than these two is no difference.
//
// It runs the receiver's manager with all probes, batch processors and OTLP exporters in one
// process, as a collector would, and exports to another process on the same machine.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/pprof"
	"time"

	"golang.org/x/sys/unix"
)

type options struct {
	programs  bool
	rounds    int
	slice     time.Duration
	rate      int
	only      string
	without   string
	apart     string
	workloads string
	json      string
	markdown  string
	compare   string
	tolerance float64
}

func main() {
	var o options
	flag.IntVar(&o.rounds, "rounds", 10, "rounds; each has one slice of every kind")
	flag.DurationVar(&o.slice, "slice", 700*time.Millisecond, "measured length of a slice")
	flag.IntVar(&o.rate, "rate", 2000, "operations per second where latencies are measured; 0: they are not")
	flag.StringVar(&o.only, "only", "", "measure only the kinds whose names hold this, besides bare")
	flag.StringVar(&o.without, "without", "", "measure the last kind again without each of these probes, separated by commas")
	flag.StringVar(&o.apart, "apart", "", "measure nginx with each of these Instruments alone, too, separated by commas")
	flag.StringVar(&o.workloads, "workloads", "", "what is loaded, separated by commas; all by default")
	flag.StringVar(&o.json, "json", "", "write the figures to this file")
	flag.StringVar(&o.markdown, "markdown", "", "write the tables into this file, between its marks")
	flag.StringVar(&o.compare, "compare", "", "fail if figures are worse than those in this file, which -json wrote")
	flag.Float64Var(&o.tolerance, "tolerance", 0.1, "how much worse a ratio may be: the share of it")
	flag.BoolVar(&o.programs, "programs", false, "show what each BPF program takes")
	profile := flag.String("cpuprofile", "", "write a CPU profile of the receivers and exporters to this file")
	sink := flag.Bool("sink", false, "only run the sink (used internally)")
	server := flag.String("serve", "", "only run a server of Go (used internally)")
	driver := flag.String("drive", "", "only run a load (used internally)")
	address := flag.String("address", "", "of what is loaded (used internally)")
	flag.Parse()
	if *profile != "" {
		f, err := os.Create(*profile)
		if err == nil {
			err = pprof.StartCPUProfile(f)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "loadbench:", err)
			os.Exit(1)
		}
		defer pprof.StopCPUProfile()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	run := func() error { return bench(ctx, o) }
	switch {
	case *sink:
		run = func() error { return runSink(ctx) }
	case *server != "":
		run = func() error { return serve(ctx, *server) }
	case *driver != "":
		run = func() error { return runDriver(ctx, *driver, *address, driverRate(o)) }
	}
	if err := run(); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "loadbench:", err)
		pprof.StopCPUProfile()
		os.Exit(1)
	}
}

// driverRate is 0, full speed, unless a rate is given.
func driverRate(o options) (rate int) {
	flag.Visit(func(f *flag.Flag) {
		if f.Name == "rate" {
			rate = o.rate
		}
	})
	return rate
}
