// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package object

import (
	"math"
	"strconv"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"golang.org/x/sys/unix"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/aggregate"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/object/record"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// defaultBounds are those of OpenTelemetry's SDKs.
var defaultBounds = []float64{0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000}

// table holds the values of one metric by process and attributes.
type table struct {
	plan   *metricPlan
	limit  int
	start  pcommon.Timestamp
	groups map[*probe.ProcessInfo]*group
	order  []*group
	series int
	// dropped counts gauges that the limit left no room for.
	dropped uint64
	key     []byte
}

// group is the part of a table under one resource.
type group struct {
	info     *probe.ProcessInfo
	byKey    map[string]*series
	all      []*series
	overflow *series
}

type series struct {
	attributes pcommon.Map
	whole      int64
	fraction   float64
	histogram  *aggregate.Histogram
	slots      []uint64
	set        bool
}

func newTable(p *metricPlan, limit int, start pcommon.Timestamp) *table {
	return &table{plan: p, limit: limit, start: start, groups: map[*probe.ProcessInfo]*group{}}
}

// reset forgets all values: those of maps and iterators are read anew each time.
func (t *table) reset() {
	clear(t.groups)
	clear(t.order)
	t.order, t.series = t.order[:0], 0
}

// find gives the series of the attributes that the sink has read, nil if there is no room for
// a gauge. Other values beyond the limit are put together.
func (t *table) find(k *sink, p *probe.ProcessInfo, cpu int) *series {
	g := t.groups[p]
	if g == nil {
		g = &group{info: p, byKey: map[string]*series{}}
		t.groups[p] = g
		t.order = append(t.order, g)
	}
	t.key = t.key[:0]
	for i := range k.attributes {
		t.key = appendKey(t.key, &k.values[i])
	}
	if cpu >= 0 {
		t.key = appendKey(t.key, &record.Value{Kind: record.Int, Int: int64(cpu)})
	}
	if s := g.byKey[string(t.key)]; s != nil {
		return s
	}
	if t.series >= t.limit {
		if t.plan.cfg.Type == Gauge {
			t.dropped++
			return nil
		}
		if g.overflow == nil {
			g.overflow = &series{attributes: pcommon.NewMap()}
			g.overflow.attributes.PutBool("otel.metric.overflow", true)
			g.all = append(g.all, g.overflow)
		}
		return g.overflow
	}
	t.series++
	s := &series{attributes: pcommon.NewMap()}
	k.put(s.attributes)
	if cpu >= 0 {
		s.attributes.PutInt("cpu.logical_number", int64(cpu))
	}
	g.byKey[string(t.key)] = s
	g.all = append(g.all, s)
	return s
}

// add takes a record.
func (t *table) add(k *sink, p *probe.ProcessInfo, rec []byte) {
	s := t.find(k, p, -1)
	if s == nil {
		return
	}
	v := t.plan.value
	switch t.plan.cfg.Type {
	case Sum:
		switch {
		case v == nil:
			s.whole++
		case v.Integer():
			s.whole += v.Int(rec)
		default:
			s.fraction += v.Number(rec)
		}
	case Gauge:
		if v.Integer() {
			s.whole = v.Int(rec)
		} else {
			s.fraction = v.Number(rec)
		}
	default:
		if s.histogram == nil {
			s.histogram = newHistogram(t.plan.cfg)
		}
		s.histogram.Record(v.Number(rec))
	}
}

func newHistogram(m *Metric) *aggregate.Histogram {
	if m.Type == ExponentialHistogram {
		return aggregate.NewHistogram(aggregate.ExponentialKind, nil)
	}
	bounds := m.Buckets
	if len(bounds) == 0 {
		bounds = defaultBounds
	}
	return aggregate.NewHistogram(aggregate.ExplicitKind, bounds)
}

// write emits the values. gone tells that a process has ended: its values are emitted a
// last time.
func (t *table) write(k *sink, now pcommon.Timestamp, gone func(*probe.ProcessInfo) bool) {
	kept := t.order[:0]
	for _, g := range t.order {
		if len(g.all) > 0 {
			m := k.emit.Metric(g.info)
			m.SetName(t.plan.cfg.Name)
			m.SetUnit(t.plan.cfg.Unit)
			m.SetDescription(t.plan.cfg.Description)
			for _, s := range g.all {
				t.point(m, s, now)
			}
		}
		if g.info != nil && gone(g.info) {
			delete(t.groups, g.info)
			t.series -= len(g.byKey)
			continue
		}
		kept = append(kept, g)
	}
	clear(t.order[len(kept):])
	t.order = kept
}

func (t *table) point(m pmetric.Metric, s *series, now pcommon.Timestamp) {
	c := t.plan.cfg
	switch {
	case c.Type == Sum:
		if m.Type() == pmetric.MetricTypeEmpty {
			sum := m.SetEmptySum()
			sum.SetIsMonotonic(!c.UpDown)
			sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		}
		t.number(m.Sum().DataPoints().AppendEmpty(), s, now).SetStartTimestamp(t.start)
	case c.Type == Gauge:
		if m.Type() == pmetric.MetricTypeEmpty {
			m.SetEmptyGauge()
		}
		t.number(m.Gauge().DataPoints().AppendEmpty(), s, now)
	case s.histogram != nil:
		s.attributes.CopyTo(s.histogram.WriteTo(m, t.start, now, func(uint64) pcommon.Timestamp { return now }))
	default:
		t.slots(m, s, now)
	}
}

func (t *table) number(p pmetric.NumberDataPoint, s *series, now pcommon.Timestamp) pmetric.NumberDataPoint {
	p.SetTimestamp(now)
	if v := t.plan.value; v == nil || v.Integer() {
		p.SetIntValue(s.whole)
	} else {
		p.SetDoubleValue(s.fraction)
	}
	s.attributes.CopyTo(p.Attributes())
	return p
}

func floatBits(f float64) uint64 { return math.Float64bits(f) }

// errorType names the error of a return value.
func errorType(n int64) string {
	if n < 0 {
		if name := unix.ErrnoName(unix.Errno(-n)); name != "" {
			return name
		}
	}
	return strconv.FormatInt(n, 10)
}
