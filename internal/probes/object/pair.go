// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package object

import (
	"bytes"
	"slices"
	"time"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/object/record"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// role says which record of a pair one may be, by the buffer that it came from.
type role uint8

const (
	single role = iota // none: records are not paired
	either
	begins
	ends
)

// input is what takes the records of a buffer.
type input struct {
	*sink
	role role
}

// inputs are those of the sinks by buffers.
func inputs(sinks []*sink) map[string][]input {
	byMap := map[string][]input{}
	for _, k := range sinks {
		if k.src.kind != fromBuffer {
			continue
		}
		switch p := k.output.pair; {
		case p == nil:
			byMap[k.src.name] = append(byMap[k.src.name], input{k, single})
		case p.begin.src.name == p.end.src.name:
			byMap[k.src.name] = append(byMap[k.src.name], input{k, either})
		default:
			begin, end := p.begin.src.name, p.end.src.name
			byMap[begin] = append(byMap[begin], input{k, begins})
			byMap[end] = append(byMap[end], input{k, ends})
		}
	}
	return byMap
}

// pairs are the beginnings of one output that wait for their ends.
type pairs struct {
	*pairPlan
	open map[string]*opened
	// queue has them in the order of their deadlines; those that have ended are there, too.
	queue []*opened
	free  []*opened
	buf   []byte // a joined record
}

// opened is a beginning.
type opened struct {
	key      string
	rec      []byte
	deadline time.Time
	done     bool
}

func newPairs(p *pairPlan) *pairs {
	if p == nil {
		return nil
	}
	return &pairs{pairPlan: p, open: map[string]*opened{}, buf: make([]byte, p.size)}
}

// holds tells whether a record, which is long enough, meets the conditions.
func (h *half) holds(rec []byte) bool {
	for i := range h.when {
		if !h.when[i].holds(rec) {
			return false
		}
	}
	return true
}

func (c *condition) holds(rec []byte) bool {
	if len(c.texts) == 0 {
		return slices.Contains(c.numbers, c.field.Int(rec))
	}
	var v record.Value
	c.field.Read(rec, &v, nil)
	return slices.Contains(c.texts, string(v.Bytes))
}

// paired takes a record of an output that joins two. It counts each of them.
func (i *Instrument) paired(in input, rec []byte, mayWait bool) {
	k := in.sink
	p := k.pairs
	if mayWait {
		i.counts.Seen++
	}
	h := &p.begin
	switch in.role {
	case ends:
		h = &p.end
	case either:
		// Each is told by its own fields, of which a record of the other may have less.
		switch {
		case len(rec) >= p.begin.need && p.begin.holds(rec):
		case len(rec) >= p.end.need && p.end.holds(rec):
			h = &p.end
		case len(rec) < max(p.begin.need, p.end.need):
			i.counts.Lost[probe.Truncated]++
			return
		default:
			i.counts.Filtered++
			return
		}
	}
	switch {
	case len(rec) < h.need:
		i.counts.Lost[probe.Truncated]++
		return
	case !h.holds(rec):
		i.counts.Filtered++
		return
	}
	if h.process != nil && i.processes.Recent(uint32(h.process.Int(rec))) == nil {
		if mayWait && i.wait(in, rec) {
			return
		}
		if !k.keep {
			i.counts.Filtered++
			return
		}
	}
	key := k.key(rec, h.key)
	if h == &p.begin {
		i.begin(p, key, rec)
		return
	}
	o := p.open[string(key)]
	if o == nil {
		// The beginning may be among those that wait, or in a buffer that is read later.
		if !mayWait || !i.wait(in, rec) {
			i.counts.Lost[probe.Unmatched]++
		}
		return
	}
	i.join(k, o, rec)
}

// begin keeps a beginning.
func (i *Instrument) begin(p *pairs, key, rec []byte) {
	if before := p.open[string(key)]; before != nil {
		p.close(before)
		i.counts.Lost[probe.Unmatched]++
	}
	if len(p.open) >= p.maxOpen {
		i.counts.Lost[probe.Overflow]++
		return
	}
	o := &opened{}
	if n := len(p.free); n > 0 {
		o, p.free = p.free[n-1], p.free[:n-1]
	}
	*o = opened{key: string(key), rec: append(o.rec[:0], rec[:min(len(rec), p.begin.src.valueSize)]...), deadline: i.now.Add(p.timeout)}
	p.open[o.key] = o
	p.queue = append(p.queue, o)
}

func (p *pairs) close(o *opened) {
	delete(p.open, o.key)
	o.done = true
}

// join makes telemetry of a pair.
func (i *Instrument) join(k *sink, o *opened, end []byte) {
	p := k.pairs
	clear(p.buf)
	copy(p.buf, o.rec)
	copy(p.buf[p.at:], end[:min(len(end), p.end.src.valueSize)])
	p.close(o)
	var info *probe.ProcessInfo
	if k.process != nil {
		if info = i.processes.Recent(uint32(k.process.Int(p.buf))); info == nil && !k.keep {
			i.counts.Filtered += 2
			return
		}
	}
	if !i.limit.allow() {
		i.counts.Lost[probe.Overflow] += 2
		return
	}
	k.record(p.buf, info)
	i.counts.Delivered += 2
}

// expire gives up beginnings whose ends did not come in time.
func (i *Instrument) expire(p *pairs, now time.Time) {
	n := 0
	for ; n < len(p.queue); n++ {
		o := p.queue[n]
		if !o.done {
			if o.deadline.After(now) {
				break
			}
			p.close(o)
			i.counts.Lost[probe.Unmatched]++
		}
		p.free = append(p.free, o)
	}
	p.queue = slices.Delete(p.queue, 0, n)
	// Ends come in another order than beginnings: one that waits long must not hold on to
	// all that came after it.
	if len(p.queue) > 2*len(p.open)+1024 {
		p.queue = slices.DeleteFunc(p.queue, func(o *opened) bool { return o.done })
	}
	if len(p.free) > p.maxOpen {
		p.free = nil
	}
}

// giveUp ends all that wait.
func (i *Instrument) giveUp(p *pairs) {
	i.counts.Lost[probe.Unmatched] += uint64(len(p.open))
	clear(p.open)
	p.queue, p.free = nil, nil
}

// wait keeps a record until the next tick, if there is room.
func (i *Instrument) wait(in input, rec []byte) bool {
	if len(i.late) >= maxLate || len(rec) > maxLateSize {
		return false
	}
	i.late = append(i.late, late{in, bytes.Clone(rec)})
	return true
}
