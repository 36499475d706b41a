// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Command loadbench measures what the receiver costs a loaded server, and what
// it costs itself: nginx under wrk on loopback, one continuous load, while the
// probes are attached and detached in random order in short slices. Two of the
// kinds of slices are the same, without any probe: what differs less than these
// two is no difference.
//
// It runs the receiver's manager with all probes, batch processors and OTLP
// exporters in one process, as a collector would, and exports to another
// process on the same machine.
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
	rounds      int
	slice       time.Duration
	connections int
	only        string
	without     string
	apart       string
	server      string
	tls         bool
}

func main() {
	var o options
	sink := flag.Bool("sink", false, "only run the sink (used internally)")
	flag.IntVar(&o.rounds, "rounds", 12, "rounds; each has one slice of every kind")
	flag.DurationVar(&o.slice, "slice", 700*time.Millisecond, "measured length of a slice")
	flag.IntVar(&o.connections, "connections", 32, "connections of wrk")
	flag.StringVar(&o.only, "only", "", "measure only the kinds whose names hold this, besides bare")
	flag.StringVar(&o.without, "without", "", "measure the last kind again without each of these probes, separated by commas")
	flag.StringVar(&o.apart, "apart", "", "measure nginx with each of these Instruments alone, too, separated by commas")
	flag.StringVar(&o.server, "server", "nginx", "what is loaded: nginx or go")
	flag.BoolVar(&o.tls, "tls", false, "let the server and wrk speak TLS")
	serve := flag.String("serve", "", "only run the Go server, plain or tls (used internally)")
	profile := flag.String("cpuprofile", "", "write a CPU profile of the receivers and exporters to this file")
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
	if *sink {
		run = func() error { return runSink(ctx) }
	}
	if *serve != "" {
		run = func() error { return runGo(*serve == "tls") }
	}
	if err := run(); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "loadbench:", err)
		os.Exit(1)
	}
}
