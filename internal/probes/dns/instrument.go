// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package dns

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/dns"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// The Daemons that the Instrument uses.
const (
	socket    = "socket"
	discovery = "discovery"
)

// program is the one of the object.
const program = "dns_sys_exit"

// Factory describes the Instrument "dns".
func Factory() probe.Factory {
	return probe.Factory{
		Manifest: probe.Manifest{
			Name:      "dns",
			Kind:      probe.Instrument,
			Summary:   "DNS queries, of servers and of clients",
			Signals:   probe.Traces | probe.Metrics,
			DependsOn: []string{socket, discovery},
			Joins:     socket,
			Stability: component.StabilityLevelDevelopment,
			OptIn:     true, // it looks at the end of each system call of the host
			Variants: []probe.Variant{{
				Name: "sys_exit", Spec: loadObject, Programs: []string{program},
				Loses: []string{
					"datagrams that io_uring moves",
					"datagrams of 32-bit programs",
				},
			}},
		},
		DefaultConfig: func() any { return DefaultConfig() },
		New: func(set probe.Settings, config any) (probe.Probe, error) {
			cfg, ok := config.(*Config)
			if !ok {
				return nil, fmt.Errorf("the configuration of dns is a %T, not a %T", config, cfg)
			}
			return newInstrument(set, cfg), nil
		},
	}
}

// instrument is the probe.
type instrument struct {
	set      probe.Settings
	cfg      *Config
	recorder *recorder
	parsers  *dns.Config
	pairs    *dns.Pairs[ends, stream.Conn]
	coll     *ebpf.Collection

	deferred  deferred
	malformed uint64 // records
	forbidden uint64 // messages
}

var (
	_ probe.Probe      = (*instrument)(nil)
	_ probe.RingReader = (*instrument)(nil)
	_ probe.Ticker     = (*instrument)(nil)
	_ probe.Flusher    = (*instrument)(nil)
	_ probe.Collector  = (*instrument)(nil)
	_ probe.Accountant = (*instrument)(nil)
)

func newInstrument(set probe.Settings, cfg *Config) *instrument {
	p := &instrument{
		set: set, cfg: cfg, recorder: newRecorder(set, cfg),
		parsers: dns.NewConfig(dns.Options{Answers: cfg.Answers, Timeout: cfg.Timeout}),
	}
	p.pairs = dns.NewPairs[ends](p.parsers, func(of stream.Conn, e *dns.Exchange) {
		p.recorder.record(newConn(&of, p.recorder, false), e)
	})
	return p
}

// Load implements probe.Probe.
func (p *instrument) Load(_ context.Context, l *probe.Loading) error {
	s, ok := l.Dependencies[socket].(stream.Source)
	if !ok {
		return errors.New("dns needs the probe socket, which is not loaded")
	}
	p.recorder.tracer.Correlator = s.Correlator()
	var ports [maxPorts]uint16
	copy(ports[:], p.cfg.Ports)
	l.Spec.Maps["dns_events"].MaxEntries = p.cfg.RingSize
	for name, v := range map[string]any{
		"ports": ports, "max_capture": p.cfg.MaxCapture, "wakeup_bytes": uint64(min(256<<10, p.cfg.RingSize/4)),
	} {
		if err := l.Spec.Variables[name].Set(v); err != nil {
			return fmt.Errorf("constant %s: %w", name, err)
		}
	}
	coll, err := l.Collection()
	if err != nil {
		return err
	}
	p.coll = coll
	return s.Register(&connections{p: p})
}

// Attach implements probe.Probe.
func (p *instrument) Attach(_ context.Context, t probe.Target) (io.Closer, error) {
	if t.Scope != probe.Host {
		return nil, errors.New("dns observes the whole host only")
	}
	l, err := link.AttachTracing(link.TracingOptions{Program: p.coll.Programs[program]})
	if err != nil {
		return nil, fmt.Errorf("attach %s: %w", program, err)
	}
	return l, nil
}

// Close implements probe.Probe.
func (p *instrument) Close() error {
	if p.coll != nil {
		p.coll.Close()
		p.coll = nil
	}
	return nil
}

// Rings implements probe.RingReader.
func (p *instrument) Rings() []probe.Ring {
	return []probe.Ring{{Map: p.coll.Maps["dns_events"], Handle: p.datagram}}
}

// Tick implements probe.Ticker.
func (p *instrument) Tick(now uint64) {
	p.retry(now)
	p.pairs.Tick(now)
}

// Flush implements probe.Flusher.
func (p *instrument) Flush() {
	p.settle()
	p.pairs.Close(dns.CloseShutdown, p.set.Clock.Now())
}

// Collect emits the metrics.
func (p *instrument) Collect(_ context.Context, now time.Time) error {
	p.recorder.collect(now)
	return nil
}

// Indices of dns_counters: enum dns_counter of bpf/include/dns.h.
const (
	countSeen = iota
	countLostRing
	countUnreadable
	countLostBatch
)

// counter sums a per-CPU counter of the kernel.
func (p *instrument) counter(index uint32) uint64 {
	if p.coll == nil {
		return 0
	}
	var perCPU []uint64
	if err := p.coll.Maps["dns_counters"].Lookup(index, &perCPU); err != nil {
		p.set.Logger.Warn("A counter cannot be read", zap.Uint32("index", index), zap.Error(err))
		return 0
	}
	var sum uint64
	for _, n := range perCPU {
		sum += n
	}
	return sum
}

// Counts implements probe.Accountant. What the kernel could not hand over are messages, half
// of which are queries; each is counted.
func (p *instrument) Counts() probe.Counts {
	st := p.parsers.Stats()
	c := p.recorder.counts
	c.Seen += st.Retransmissions
	c.Filtered += st.Retransmissions
	c.Seen += p.deferred.dropped + p.forbidden
	c.Filtered += p.deferred.dropped + p.forbidden
	c.Lost[probe.RingFull] = p.counter(countLostRing) + p.recorder.lost
	c.Lost[probe.Truncated] = p.counter(countUnreadable) + st.DropUnseen
	c.Lost[probe.Overflow] = p.counter(countLostBatch) + st.DropOverflow + p.deferred.overflow
	c.Lost[probe.Unmatched] = st.OrphanResponses
	c.Lost[probe.Undecodable] = st.Undecodable + p.malformed
	if p.coll != nil {
		if stats, err := p.coll.Programs[program].Stats(); err == nil {
			c.Lost[probe.Missed] = stats.RecursionMisses
		}
	}
	c.Seen += c.TotalLost()
	return c
}
