// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package socket is the Daemon "socket": it sees the bytes that selected
// processes exchange over stream sockets and hands them to the protocols that
// Instruments register, as segments of a connection and a direction.
package socket

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"go.uber.org/zap"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/hook"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream/correlate"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// Factory makes the Daemon.
func Factory() probe.Factory {
	return probe.Factory{
		Manifest: probe.Manifest{
			Name:      "socket",
			Kind:      probe.Daemon,
			Summary:   "the bytes that selected processes exchange over stream sockets",
			DependsOn: []string{"discovery"},
			Variants:  variants(),
		},
		DefaultConfig: defaultConfig,
		New: func(set probe.Settings, config any) (probe.Probe, error) {
			cfg := config.(*Config)
			d := &daemon{
				set: set, cfg: cfg, table: stream.NewTable(cfg.MaxConnections), hellos: newHellos(cfg.MaxConnections),
				correlator: correlate.New(correlate.DefaultLimits()),
			}
			d.correlator.Exporters.Keep = set.KeepInstrumented
			return d, nil
		},
	}
}

type daemon struct {
	set   probe.Settings
	cfg   *Config
	table *stream.Table
	// correlator is one for all protocols: what a request causes may speak another.
	correlator *correlate.Correlator

	coll       *ebpf.Collection
	told       map[string]any              // variables by name, as set so far
	followed   []map[string]*ebpf.Variable // of programs of others that do the same
	followedAs uint8                       // what tls_followed was last set to
	wanted     uint32                      // a bit for each registered stream.Proto
	wants      uint8                       // WANT_* of bpf/include/socket_summary.h
	following  bool                        // goroutines
	how        attachPlan
	hooks      map[string]*ebpf.ProgramSpec
	routes     atomic.Pointer[routes] // of the Instrument "go"
	callers    map[caller]stream.Ref  // what calls are made for that are about to be written
	unheard    atomic.Uint64          // what it told and nobody could use
	counters   *ebpf.Map
	sweeps     atomic.Pointer[[]*hook.Sweep] // nil while detached; Attach may run beside the loop

	hellos    hellos
	waiting   deferred
	seed      uint64
	sum       stream.Summary // reused
	total     stream.TallyTotal
	counted   stream.Tally
	seg       stream.Segment // reused: the table and the handlers do not keep it
	conn      stream.Conn
	delivered uint64
	filtered  uint64
	malformed uint64
	unknown   uint64                        // summaries of connections that are not in the table
	overflow  uint64                        // records that there was no room for while their process was not known
	lost      [protoSlots]uint64            // requests, as told to the protocols so far
	meter     map[*probe.ProcessInfo]uint64 // nil until it is asked for
	lastSweep uint64
	sweepTook uint64 // ns
	heardOf   uint64 // delivered when that was last looked at
	heard     uint64 // when it had grown, boot time
	lastCount uint64
	lastPurge uint64
}

var (
	_ probe.Probe      = (*daemon)(nil)
	_ probe.RingReader = (*daemon)(nil)
	_ probe.Ticker     = (*daemon)(nil)
	_ probe.Flusher    = (*daemon)(nil)
	_ probe.Accountant = (*daemon)(nil)
	_ stream.Source    = (*daemon)(nil)
	_ probe.MapSharer  = (*daemon)(nil)
	_ Extensible       = (*daemon)(nil)
)

// Register implements stream.Source. The kernel looks for the protocol when all are known:
// what it does not look for yet may be taken for another one.
func (d *daemon) Register(p stream.Protocol) error {
	d.table.Register(p)
	d.wanted |= 1 << p.Proto()
	if d.wanted&allSaid == 0 {
		return nil
	}
	return d.tellProtocols()
}

func (d *daemon) tellProtocols() error {
	return d.tell("what to look for", map[string]any{"wanted_protocols": d.wanted})
}

// Sample implements stream.Source.
func (d *daemon) Sample(s stream.Sampling) error {
	d.wants = 0
	for i, want := range []bool{s.Targets, s.Sizes, s.Durations, s.Alone} {
		if want {
			d.wants |= 1 << i
		}
	}
	if err := errors.Join(d.tellWants(), d.tell("what to sample", map[string]any{"sampling_reject": s.Reject})); err != nil {
		return err
	}
	return d.tell("to sample", map[string]any{"sampling": uint8(1)})
}

// wantNoParents is WANT_NO_PARENTS of bpf/include/socket_summary.h.
const wantNoParents = 8

// tellWants tells the kernel what is wanted of exchanges. Which goroutine serves a request tells
// its route, too.
func (d *daemon) tellWants() error {
	wants := d.wants
	if d.following {
		wants &^= wantNoParents
	}
	return d.tell("what exchanges are to tell", map[string]any{"summary_wants": wants})
}

// Correlator implements stream.Source.
func (d *daemon) Correlator() *correlate.Correlator { return d.correlator }

// Load implements probe.Probe.
func (d *daemon) Load(_ context.Context, l *probe.Loading) error {
	l.Spec.Maps["socket_events"].MaxEntries = d.cfg.RingSize
	d.seed = rand.Uint64()
	if err := d.Prepare(l.Spec); err != nil {
		return err
	}
	hooks := maps.Clone(l.Spec.Programs)
	coll, err := l.Collection()
	if err != nil {
		return err
	}
	d.coll, d.hooks = coll, hooks
	d.how = attachments[l.Variant.Name]
	d.counters = coll.Maps["socket_counters"]
	return nil
}

// Close implements probe.Probe.
func (d *daemon) Close() error {
	if d.coll != nil {
		d.coll.Close()
		d.coll = nil
	}
	return nil
}

// Rings implements probe.RingReader.
func (d *daemon) Rings() []probe.Ring {
	return []probe.Ring{{Map: d.coll.Maps["socket_events"], Handle: d.record}}
}

// record takes one record of the kernel, at once or when its process is known.
func (d *daemon) record(raw []byte) {
	if len(d.waiting.records) > 0 {
		if conn, ok := connOf(raw); ok && d.waiting.waits(conn) {
			d.later(raw, conn)
			return
		}
	}
	if !d.take(raw) {
		conn, _ := connOf(raw)
		d.later(raw, conn)
	}
}

// take takes one record. It does not when the process is not known.
func (d *daemon) take(raw []byte) bool {
	if len(raw) < recSize {
		switch len(raw) {
		case toldSize:
			d.hear((*objectGoTold)(unsafe.Pointer(unsafe.SliceData(raw))))
			return true
		case tallySize:
			return d.tally(raw)
		}
		return d.summary(raw)
	}
	r, data, ok := view(raw)
	if !ok {
		d.malformed++
		return true
	}
	if r.Flags&flagHello != 0 {
		d.delivered++
		if s := &r.Segs[0]; r.Nsegs == 1 {
			d.hellos.take(r.Conn, stream.Direction(s.Dir), data[:s.Cap], r.Time)
		}
		return true
	}
	h, known := d.table.Find(r.Conn)
	if known && (h.Conn().Process.PID != r.Tgid || h.Conn().Role != stream.Role(r.Role)) {
		// The socket was passed on to another process.
		d.table.Close(h, stream.Evicted, r.Time)
		known = false
	}
	if !known {
		p := d.set.Processes.Lookup(r.Tgid, r.Start)
		if p == nil {
			return false
		}
		d.conn = stream.Conn{
			ID:      r.Conn,
			Role:    stream.Role(r.Role),
			Proto:   stream.Proto(r.Proto),
			Process: p,
			Local:   address(r.Family, &r.Laddr, r.Lport),
			Remote:  address(r.Family, &r.Raddr, r.Rport),
			NetNS:   r.Netns,
			Unix:    r.Flags&flagUnix != 0,
			TLS:     r.Flags&flagTLS != 0,
		}
		if d.conn.TLS {
			d.conn.Hello = d.hellos.facts(r.Conn, r.Time)
		}
		h = d.table.Open(&d.conn, r.Time)
	}
	d.delivered++
	d.measure(h)
	for i := range r.Segs[:r.Nsegs] {
		s := &r.Segs[i]
		data = fill(&d.seg, s, data)
		d.seg.Lost = r.Lost
		d.table.Segment(h, &d.seg, s.Pos, r.Time)
	}
	if r.Flags&flagIdle != 0 {
		d.table.Idle(h, r.Time)
	}
	if r.Flags&flagSendEOF != 0 {
		d.table.EOF(h, stream.Send, r.Time)
	}
	if r.Flags&flagClosed != 0 {
		reason := stream.Closed
		switch {
		case r.Flags&flagReset != 0:
			reason = stream.Reset
		case r.Flags&flagLeft != 0:
			reason = stream.Evicted
		}
		if h.Conn().TLS {
			d.hellos.forget(r.Conn)
		}
		d.table.Close(h, reason, r.Time)
	}
	return true
}

// summary takes an exchange without its bytes, as take does.
func (d *daemon) summary(raw []byte) bool {
	r := viewSummary(raw, &d.sum)
	if r == nil {
		d.malformed++
		return true
	}
	h, known := d.table.Find(r.Conn)
	if !known || h.Conn().Process.PID != r.Tgid {
		p := d.set.Processes.Lookup(r.Tgid, r.Process)
		if p == nil {
			return false
		}
		// The table was full, and the connection had to go.
		d.unknown++
		d.table.Lost(stream.ProtoHTTP1, p, 1)
		return true
	}
	if !d.table.Summary(h, &d.sum, r.End) {
		d.malformed++
		return true
	}
	d.delivered++
	d.measure(h)
	return true
}

// The pace of what Tick does, in ns.
const (
	sweepEvery = 250e6
	// sweepAtRest is that when no record has come for restAfter.
	sweepAtRest = 2e9
	// sweepShare bounds what sweeps take: of a host's open files there are many more than connections.
	sweepShare = 100
	restAfter  = 2e9
	countEvery = 1e9
	purgeEvery = 60e9
	// quietFor is how long a connection may be silent until it is taken for
	// gone. One that speaks again is simply opened anew.
	quietFor = 900e9
)

// allSaid is ALL_SAID of bpf/include/recognize.h.
const allSaid = 1 << 31

// Tick implements probe.Ticker.
func (d *daemon) Tick(now uint64) {
	if d.wanted&allSaid == 0 {
		// All probes are loaded by now. Before, a busy connection would have been given up
		// while nobody had said yet what to look for.
		d.wanted |= allSaid
		if err := d.tellProtocols(); err != nil {
			d.set.Logger.Error("No protocol is looked for", zap.Error(err))
		}
	}
	d.retry(now)
	d.correlator.Tick(now)
	if d.delivered != d.heardOf {
		d.heardOf, d.heard = d.delivered, now
	}
	if since := now - d.lastSweep; since >= max(sweepEvery, sweepShare*d.sweepTook) && (now-d.heard < restAfter || since >= sweepAtRest) {
		began := time.Now()
		d.lastSweep = now
		if err := d.runSweep(); err != nil {
			d.set.Logger.Debug("A sweep over the connections failed", zap.Error(err))
		}
		d.sweepTook = uint64(time.Since(began))
	}
	if now-d.lastCount >= countEvery {
		d.lastCount = now
		d.tellLost()
	}
	if now-d.lastPurge >= purgeEvery {
		d.lastPurge = now
		if now > quietFor {
			d.table.Expire(now-quietFor, now)
			d.hellos.expire(now-quietFor, func(conn uint64) bool { _, open := d.table.Find(conn); return open })
		}
	}
}

// runSweep lets the kernel report what quiet connections sent meanwhile.
func (d *daemon) runSweep() error {
	sweeps := d.sweeps.Load()
	if sweeps == nil {
		return nil
	}
	var errs []error
	for _, sweep := range *sweeps {
		errs = append(errs, sweep.Run())
	}
	return errors.Join(errs...)
}

// Flush implements probe.Flusher. The last exchanges of connections may be the
// parents of held ones, so these come after.
func (d *daemon) Flush() {
	d.settle()
	d.tellLost()
	d.table.CloseAll(stream.Shutdown, d.set.Clock.Now())
	d.correlator.Flush()
}
