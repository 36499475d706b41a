// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package tcp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cilium/ebpf/link"
	"go.opentelemetry.io/collector/component"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/hook"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/inkernel"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// Factory describes the Instrument.
func Factory() probe.Factory {
	return probe.Factory{
		Manifest: probe.Manifest{
			Name:      "tcp",
			Kind:      probe.Instrument,
			Summary:   "TCP connections of processes: opened, accepted, failed; bytes, retransmissions, round trips; UDP bytes and drops",
			Signals:   probe.Metrics | probe.Logs,
			DependsOn: []string{inkernel.Discovery},
			Joins:     inkernel.Discovery,
			Stability: component.StabilityLevelDevelopment,
			Variants: []probe.Variant{{
				Name: "tp_btf", Spec: loadObject,
				Loses: append(losses(), "datagrams that are dropped for another reason than a full buffer"),
			}, {
				Name: "tp_btf_tcp", Spec: loadObject, Adapt: withoutUDP,
				Programs: []string{"tcp_state", "tcp_destroy", "tcp_visit"},
				Loses:    append(losses(), "UDP"),
			}},
		},
		DefaultConfig: func() any { return DefaultConfig() },
		New: func(set probe.Settings, config any) (probe.Probe, error) {
			cfg, ok := config.(*Config)
			if !ok {
				return nil, fmt.Errorf("configuration is a %T, not a %T", config, cfg)
			}
			networks, err := cfg.networks()
			if err != nil {
				return nil, err
			}
			i := &Instrument{set: set, cfg: cfg, networks: networks}
			i.table = inkernel.NewTable[dims, value](set, i.schema())
			i.udp = inkernel.NewTable[dims, udpValue](set, i.udpSchema())
			return i, nil
		},
	}
}

// losses are what no variant sees.
func losses() []string {
	return []string{
		"connections that fail before anything is sent, for want of a route or a port",
		"what passed over a connection before it was observed",
	}
}

// Counters of bpf/tcp.bpf.c.
const (
	countSocketsFull = inkernel.FirstCounter + iota
	countUnowned
	countUDPUnowned
	countFailures
	countFailuresLimited
	countFailuresLost
)

// Instrument is the probe.
type Instrument struct {
	set      probe.Settings
	cfg      *Config
	table    *inkernel.Table[dims, value]
	udp      *inkernel.Table[dims, udpValue]
	networks []network
	failures failures
	programs *inkernel.Programs
	visit    *link.Iter
}

var (
	_ probe.Collector  = (*Instrument)(nil)
	_ probe.RingReader = (*Instrument)(nil)
	_ probe.Ticker     = (*Instrument)(nil)
	_ probe.Flusher    = (*Instrument)(nil)
	_ probe.Accountant = (*Instrument)(nil)
)

// Load implements [probe.Probe].
func (i *Instrument) Load(_ context.Context, l *probe.Loading) error {
	records := i.cfg.FailureRecords
	if !i.set.Signals.Has(probe.Logs) {
		records = 0
	}
	hasUDP := l.Spec.Maps["udp_values"] != nil
	p, err := inkernel.Load(l, i.set.Logger,
		map[string]uint32{"tcp_values": i.cfg.MaxSeries, "tcp_sockets": i.cfg.MaxSockets, "udp_values": i.cfg.MaxSeries},
		map[string]any{"server_peers": i.cfg.ServerPeers, "failure_rate": records},
		func(e *discovery.Event) {
			i.table.Happened(e)
			if hasUDP {
				i.udp.Happened(e)
			}
		})
	if err != nil {
		return err
	}
	i.programs = p
	// It is not among what Attach attaches: the last collection comes after that was detached.
	if i.visit, err = link.AttachIter(link.IterOptions{Program: p.Program("tcp_visit")}); err != nil {
		return errors.Join(fmt.Errorf("attach the iterator over descriptors: %w", err), i.Close())
	}
	i.table.Open(p.Map("tcp_values"), p.Map("tcp_overflow"))
	if hasUDP {
		i.udp.Open(p.Map("udp_values"), p.Map("udp_overflow"))
	}
	return nil
}

// Attach implements [probe.Probe]. It then looks at the connections that there are.
func (i *Instrument) Attach(_ context.Context, t probe.Target) (io.Closer, error) {
	links, err := i.programs.Attach(t)
	if err != nil {
		return nil, err
	}
	for _, only := range []bool{true, false} {
		if err := i.programs.Set("only_listeners", only); err != nil {
			return nil, errors.Join(err, links.Close())
		}
		if err := i.look(); err != nil {
			return nil, errors.Join(err, links.Close())
		}
	}
	return links, nil
}

// look lets the kernel go through all descriptors.
func (i *Instrument) look() error {
	if err := hook.Run(i.visit); err != nil {
		return fmt.Errorf("go through descriptors: %w", err)
	}
	return nil
}

// Rings implements [probe.RingReader].
func (i *Instrument) Rings() []probe.Ring {
	return []probe.Ring{{Map: i.programs.Map("tcp_failures"), Handle: i.failures.handle}}
}

// Tick implements [probe.Ticker].
func (i *Instrument) Tick(now uint64) { i.failures.waiting.Tick(now, false, i.report) }

// Flush implements [probe.Flusher].
func (i *Instrument) Flush() {
	i.failures.waiting.Tick(i.set.Clock.Now(), true, i.report)
	i.table.Last()
	i.udp.Last()
}

// Collect implements [probe.Collector].
func (i *Instrument) Collect(_ context.Context, now time.Time) error {
	return errors.Join(i.look(), i.table.Collect(now), i.udp.Collect(now))
}

// Close implements [probe.Probe].
func (i *Instrument) Close() error {
	var err error
	if i.visit != nil {
		err = i.visit.Close()
	}
	i.programs.Close()
	i.programs, i.visit = nil, nil
	return err
}

// Counts implements [probe.Accountant], as of the last collection.
func (i *Instrument) Counts() probe.Counts {
	var c probe.Counts
	i.table.Account().AddTo(&c)
	i.udp.Account().AddTo(&c)
	if i.programs != nil {
		full, unowned := i.programs.Counter(countSocketsFull), i.programs.Counter(countUnowned)
		c.Lost[probe.MapFull] += full
		unowned += i.programs.Counter(countUDPUnowned)
		c.Lost[probe.Unmatched] += unowned
		c.Seen += full + unowned + i.programs.Counter(countFailures)
		c.SampledOut += i.programs.Counter(countFailuresLimited)
		c.Lost[probe.RingFull] += i.programs.Counter(countFailuresLost)
	}
	c.Delivered += i.failures.delivered
	c.Filtered += i.failures.waiting.Dropped
	c.Lost[probe.Undecodable] += i.failures.malformed
	i.programs.AddLost(&c)
	return c
}
