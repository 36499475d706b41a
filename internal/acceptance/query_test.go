// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package acceptance

import (
	"cmp"
	"encoding/json"
	"slices"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

// key is the same for the same attributes.
func (a attrs) key() string {
	b, err := json.Marshal(a)
	if err != nil {
		panic(err) // attributes hold plain values
	}
	return string(b)
}

// of are the attributes that resources of these processes have.
func of(pids ...int) func(attrs) bool {
	return func(a attrs) bool {
		pid, _ := a["process.pid"].(int64)
		return slices.Contains(pids, int(pid))
	}
}

// spansOf gives the spans of a kind whose resource is wanted, by start time;
// those that began in one segment by their end.
func (s *sink) spansOf(kind ptrace.SpanKind, want func(attrs) bool) []span {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []span
	for _, sp := range s.spans {
		if sp.Kind() == kind && want(sp.resource) {
			found = append(found, sp)
		}
	}
	slices.SortStableFunc(found, func(a, b span) int {
		return cmp.Or(cmp.Compare(a.StartTimestamp(), b.StartTimestamp()), cmp.Compare(a.EndTimestamp(), b.EndTimestamp()))
	})
	return found
}

// countOf sums the counts of a histogram over all series whose resource is wanted.
func (s *sink) countOf(metric string, want func(attrs) bool) uint64 {
	var n uint64
	for _, p := range s.pointsOf(metric, want) {
		n += p.count
	}
	return n
}

func (s *sink) pointsOf(metric string, want func(attrs) bool) []point {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []point
	for _, p := range s.points {
		if p.metric == metric && want(p.resource) {
			found = append(found, p)
		}
	}
	return found
}

// spanCount counts all spans, kept or not.
func (s *sink) spanCount() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.numSpans
}

// eventsOf gives the log records that want says.
func (s *sink) eventsOf(want func(event) bool) []event {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []event
	for _, e := range s.events {
		if want(e) {
			found = append(found, e)
		}
	}
	return found
}
