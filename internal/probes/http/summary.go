// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/aggregate"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// reject is the part of 2^32 of the traces that are not kept.
func (p *instrument) reject() uint64 {
	if !p.traces {
		return 1 << 32
	}
	return p.tracer.Reject()
}

var _ stream.Summarizer = (*handler)(nil)

// summarized are the methods of summaries as indices of methods.
var summarized = [...]uint8{
	stream.Get: 1, stream.Post: 2, stream.Head: 3, stream.Put: 4, stream.Delete: 5, stream.Options: 6, stream.Patch: 7,
}

// Summary implements stream.Summarizer.
func (h *handler) Summary(s *stream.Summary) {
	if h.told(s.Method, 1) && h.p.metrics != nil {
		h.p.metrics.summarize(h.peer, s, h.p.routes)
	}
}

// Tally implements stream.Summarizer.
func (h *handler) Tally(t *stream.Tally) {
	if h.told(t.Method, t.Count) && h.p.metrics != nil {
		h.p.metrics.tally(h.peer, t, h.p.routes)
	}
}

// told counts n exchanges that are no spans, and tells whether they can be measured.
func (h *handler) told(m stream.Method, n uint64) bool {
	counts := &h.p.counts
	switch {
	case h.peer == nil || int(m) >= len(summarized):
		counts.Lost[probe.Undecodable] += n
		return false
	case h.p.traces:
		counts.SampledOut += n
	default:
		counts.Delivered += n
	}
	counts.Seen += n
	return true
}

// summarized is the attribute set of what the kernel tells in few words.
func (a *aggregation) summarized(c *peer, method stream.Method, minor uint8, status uint16) seriesKey {
	k := seriesKey{
		route: noRoute, method: summarized[method], version: minor, status: status,
		failure: failureOfStatus(c.Role, status), https: c.TLS,
	}
	if c.Role == stream.Client || a.cfg.ServerAddress {
		k.host, k.port = c.host, c.port
		if k.host == "" {
			k.host, k.port = c.ServerAddress, c.ServerPort
		}
	}
	return k
}

// tally counts a tally.
func (a *aggregation) tally(c *peer, t *stream.Tally, routes stream.Routes) {
	k := a.summarized(c, t.Method, t.Minor, t.Status)
	k.route = a.router.learn(routes, t.Route)
	series := a.table.Find(&c.cursor, c.Process, c.Role, k, t.Start)
	if series.Overflow {
		a.table.Overflowed += t.Count - 1
	}
	a.table.Add(series, durations, durationBounds, &aggregate.Counted{
		Counts: t.Counts[:], Sum: float64(t.Sum) / 1e9, Min: float64(t.Min) / 1e9, Max: float64(t.Max) / 1e9,
	})
}

// summarize counts a summary.
func (a *aggregation) summarize(c *peer, s *stream.Summary, routes stream.Routes) {
	k := a.summarized(c, s.Method, s.Minor, s.Status)
	if c.Role == stream.Server && len(s.Target) > 0 {
		k.route = a.router.match(parseTarget(s.Target, false).path)
	}
	if k.route == noRoute {
		k.route = a.router.learn(routes, s.Route)
	}
	series := a.table.Find(&c.cursor, c.Process, c.Role, k, s.Start)
	a.table.Record(series, durations, durationBounds, float64(s.End-s.Start)/1e9)
	if a.cfg.BodySizes {
		a.size(series, requestSizes, s.RequestSize)
		a.size(series, responseSizes, s.ResponseSize)
	}
}
