// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package aggregate makes cumulative histograms and sums of exchanges, by process and
// by sets of attributes whose number is bounded.
package aggregate

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// Instrument is a metric of one side, a histogram or a sum.
type Instrument struct {
	Role                    stream.Role
	Name, Unit, Description string
	// Sum tells that it is a monotonic sum.
	Sum bool
	// Index is that of its histogram in Series.Histograms, or of its sum in Series.Sums.
	Index int
}

// The most that one attribute set can have.
const (
	MaxHistograms = 3
	MaxSums       = 2
)

// Series is one attribute set K of one side of one process.
type Series[K comparable] struct {
	Key  K
	Role stream.Role
	// Overflow tells that the Series stands for what the limit left no room for.
	Overflow bool
	// Histograms are made when they get their first value.
	Histograms [MaxHistograms]*Histogram
	// Sums are exported when they are not zero.
	Sums [MaxSums]uint64

	start uint64
	// begun is start on the wall clock as it was first exported. It must not
	// follow the clock: another start is a series that began anew.
	begun pcommon.Timestamp
}

// Cursor remembers a connection's last series. Its zero value is ready for use.
type Cursor[K comparable] struct {
	process *process[K]
	last    *Series[K]
}

type key[K comparable] struct {
	set      K
	role     stream.Role
	overflow bool
}

// process holds the series of one process.
type process[K comparable] struct {
	info    *probe.ProcessInfo
	byKey   map[key[K]]*Series[K]
	all     []*Series[K] // in the order of their creation
	sets    [3]int       // number of series by role, without the overflow
	retired bool         // the process is gone and all was exported
}

// Table holds the series of all processes. It is used on one goroutine.
type Table[K comparable] struct {
	kind      Kind
	limit     int
	processes map[*probe.ProcessInfo]*process[K]
	order     []*process[K]
	// Overflowed counts the exchanges that the limit put together.
	Overflowed uint64
}

// NewTable makes a table of histograms of the kind. limit bounds the attribute
// sets of each process and side.
func NewTable[K comparable](kind Kind, limit int) *Table[K] {
	return &Table[K]{kind: kind, limit: limit, processes: map[*probe.ProcessInfo]*process[K]{}}
}

// Find returns the series of the set, a new one if there is room, else the
// overflow. start is when the exchange began, in boot time.
func (t *Table[K]) Find(c *Cursor[K], p *probe.ProcessInfo, role stream.Role, set K, start uint64) *Series[K] {
	s := c.last
	if s == nil || s.Overflow || s.Key != set || s.Role != role || c.process.retired {
		s = t.find(c, p, key[K]{set: set, role: role}, start)
		c.last = s
	}
	if s.Overflow {
		t.Overflowed++
	}
	return s
}

func (t *Table[K]) find(c *Cursor[K], p *probe.ProcessInfo, k key[K], start uint64) *Series[K] {
	if c.process == nil || c.process.retired {
		c.process = t.processes[p]
	}
	m := c.process
	if m == nil {
		m = &process[K]{info: p, byKey: map[key[K]]*Series[K]{}}
		t.processes[p] = m
		t.order = append(t.order, m)
		c.process = m
	}
	if s := m.byKey[k]; s != nil {
		return s
	}
	if m.sets[k.role] >= t.limit {
		k = key[K]{role: k.role, overflow: true}
		if s := m.byKey[k]; s != nil {
			return s
		}
	} else {
		m.sets[k.role]++
	}
	s := &Series[K]{Key: k.set, Role: k.role, Overflow: k.overflow, start: start}
	m.byKey[k] = s
	m.all = append(m.all, s)
	return s
}

// Record adds a value to one of the histograms of a series.
func (t *Table[K]) Record(s *Series[K], index int, bounds []float64, v float64) {
	h := s.Histograms[index]
	if h == nil {
		h = NewHistogram(t.kind, bounds)
		s.Histograms[index] = h
	}
	h.Record(v)
}

// Counted are values that were counted in buckets elsewhere.
type Counted struct {
	Counts        []uint64 // one more than there are bounds
	Sum, Min, Max float64
}

// Add adds values to one of the explicit histograms of a series.
func (t *Table[K]) Add(s *Series[K], index int, bounds []float64, c *Counted) {
	h := s.Histograms[index]
	if h == nil {
		h = NewHistogram(ExplicitKind, bounds)
		s.Histograms[index] = h
	}
	h.add(c)
}

// Collection says what Collect emits.
type Collection[K comparable] struct {
	Emit        probe.Emitter
	Clock       probe.Clock
	Now         pcommon.Timestamp
	Instruments []Instrument
	// Attributes writes an attribute set to a point.
	Attributes func(m pcommon.Map, role stream.Role, set *K)
	// Gone tells that a process has ended: its series are emitted a last time.
	Gone func(*probe.ProcessInfo) bool
}

// Collect emits all series.
func (t *Table[K]) Collect(c *Collection[K]) {
	kept := t.order[:0]
	for _, m := range t.order {
		for i := range c.Instruments {
			m.write(c, &c.Instruments[i])
		}
		if c.Gone(m.info) {
			m.retired = true
			delete(t.processes, m.info)
			continue
		}
		kept = append(kept, m)
	}
	clear(t.order[len(kept):])
	t.order = kept
}

func (m *process[K]) write(c *Collection[K], inst *Instrument) {
	var out pmetric.Metric
	begun := false
	for _, s := range m.all {
		if s.Role != inst.Role || !s.has(inst) {
			continue
		}
		if !begun {
			begun = true
			out = c.Emit.Metric(m.info)
			out.SetName(inst.Name)
			out.SetUnit(inst.Unit)
			out.SetDescription(inst.Description)
		}
		if s.begun == 0 {
			s.begun = c.Clock.Timestamp(s.start)
		}
		var attrs pcommon.Map
		if inst.Sum {
			attrs = writeSum(out, s.Sums[inst.Index], s.begun, c.Now)
		} else {
			attrs = s.Histograms[inst.Index].WriteTo(out, s.begun, c.Now, c.Clock.Timestamp)
		}
		if s.Overflow {
			attrs.PutBool("otel.metric.overflow", true)
		} else {
			c.Attributes(attrs, s.Role, &s.Key)
		}
	}
}

// has tells whether the series has a value of the instrument.
func (s *Series[K]) has(inst *Instrument) bool {
	if inst.Sum {
		return s.Sums[inst.Index] > 0
	}
	return s.Histograms[inst.Index] != nil
}

// writeSum appends a point to m, which gets its type from the first point.
func writeSum(m pmetric.Metric, v uint64, start, now pcommon.Timestamp) pcommon.Map {
	if m.Type() == pmetric.MetricTypeEmpty {
		sum := m.SetEmptySum()
		sum.SetIsMonotonic(true)
		sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	}
	p := m.Sum().DataPoints().AppendEmpty()
	p.SetStartTimestamp(start)
	p.SetTimestamp(now)
	p.SetIntValue(int64(v))
	return p.Attributes()
}
