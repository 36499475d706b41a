// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package emit

import (
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// batch is what is sent in one call of a consumer.
type batch[D any] struct {
	data   D
	shares []share
}

// items is the number of items in the batch.
func (b *batch[D]) items() uint64 {
	var n uint64
	for i := range b.shares {
		n += b.shares[i].n
	}
	return n
}

// form makes the parts of one signal's pdata: D the whole, R one resource's
// part, S the items of one scope.
type form[D, R, S any] struct {
	data     func() D
	resource func(D) (R, pcommon.Resource)
	scope    func(R, int) (S, pcommon.InstrumentationScope)
	// count gives the number of items by scope, where builder cannot know it.
	count func(D, func(scope string, n int))
}

// section is the part of the open batch that comes from one probe.
type section[S any] struct {
	name   string
	tally  *Tally
	n      uint64
	last   *probe.ProcessInfo
	slice  S
	slices map[*probe.ProcessInfo]S
}

// builder fills the batches of one signal.
type builder[D, R, S any] struct {
	form    *form[D, R, S]
	send    func(*batch[D])
	version string
	size    int

	data      D
	n         int // items in data, of metrics: metrics
	since     uint64
	resources map[*probe.ProcessInfo]R
	sections  []*section[S]
	perSlice  int // items in a slice of the last batch, on average
}

func newBuilder[D, R, S any](f *form[D, R, S], size int, version string, send func(*batch[D])) *builder[D, R, S] {
	return &builder[D, R, S]{
		form: f, send: send, version: version, size: size, perSlice: 8,
		data: f.data(), resources: map[*probe.ProcessInfo]R{},
	}
}

// section makes the place for one probe's items.
func (b *builder[D, R, S]) section(name string, t *Tally) *section[S] {
	s := &section[S]{name: name, tally: t, slices: map[*probe.ProcessInfo]S{}}
	b.sections = append(b.sections, s)
	return s
}

// next returns the slice that takes one more item of the process.
func (b *builder[D, R, S]) next(s *section[S], p *probe.ProcessInfo) S {
	if b.n >= b.size {
		b.flush()
	}
	b.n++
	s.n++
	if b.form.count == nil {
		s.tally.emitted.Add(1)
	}
	if s.n > 1 && s.last == p {
		return s.slice
	}
	return b.find(s, p)
}

func (b *builder[D, R, S]) find(s *section[S], p *probe.ProcessInfo) S {
	slice, ok := s.slices[p]
	if !ok {
		part, ok := b.resources[p]
		if !ok {
			var res pcommon.Resource
			part, res = b.form.resource(b.data)
			if p != nil {
				p.Resource.CopyTo(res)
			}
			b.resources[p] = part
		}
		var scope pcommon.InstrumentationScope
		slice, scope = b.form.scope(part, b.perSlice)
		scope.SetName(s.name)
		scope.SetVersion(b.version)
		s.slices[p] = slice
	}
	s.last, s.slice = p, slice
	return slice
}

func (b *builder[D, R, S]) isOpen() bool { return b.n > 0 }

// due flushes a batch that has been open for the interval.
func (b *builder[D, R, S]) due(now, interval uint64) {
	switch {
	case b.n == 0:
	case b.since == 0:
		b.since = now
	case now-b.since >= interval:
		b.flush()
	}
}

// flush hands the open batch on and opens a new one. It blocks while the queue is full.
func (b *builder[D, R, S]) flush() {
	b.since = 0
	if b.n == 0 {
		return
	}
	out := &batch[D]{data: b.data}
	slices := 0
	for _, s := range b.sections {
		if s.n == 0 {
			continue
		}
		slices += len(s.slices)
		out.shares = append(out.shares, share{scope: s.name, tally: s.tally, n: s.n})
		clear(s.slices)
		var none S
		s.n, s.last, s.slice = 0, nil, none
	}
	if b.form.count != nil {
		b.recount(out)
	}
	b.perSlice = min(max(b.n/slices, 1), b.size)
	b.n = 0
	clear(b.resources)
	b.data = b.form.data()
	b.send(out)
}

// recount replaces the numbers of calls by those of items.
func (b *builder[D, R, S]) recount(out *batch[D]) {
	for i := range out.shares {
		out.shares[i].n = 0
	}
	b.form.count(out.data, func(scope string, n int) {
		for i := range out.shares {
			if s := &out.shares[i]; s.scope == scope {
				s.n += uint64(n)
				s.tally.emitted.Add(uint64(n))
				return
			}
		}
	})
}
