// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package object

import (
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/object/record"
)

// maxSlots bounds the buckets of a histogram that come one by one.
const maxSlots = 1024

// addSlots takes the buckets of an entry.
func (s *series) addSlots(p *metricPlan, rec []byte) (fits bool) {
	if p.slots != nil {
		var v record.Value
		p.slots.Read(rec, &v, nil)
		n := p.slots.Len(&v)
		for len(s.slots) < n {
			s.slots = append(s.slots, 0)
		}
		for i := range n {
			s.slots[i] += uint64(p.slots.At(v.Bytes, i))
		}
		return true
	}
	slot := p.slot.Int(rec)
	most := int64(maxSlots)
	if p.cfg.SlotScale != Linear {
		most = 64
	}
	if slot < 0 || slot >= most {
		return false
	}
	for int64(len(s.slots)) <= slot {
		s.slots = append(s.slots, 0)
	}
	s.slots[slot] += uint64(p.value.Int(rec))
	return true
}

// slots writes a histogram that a program has counted. What its values sum up to is not known.
//
// Slot i of powers of two has the values from 2^i to 2^(i+1)-1, slot 0 also 0. The bounds of
// an explicit histogram are the largest of them. An exponential one has bounds that are powers
// of two and belong to the bucket below: a value of exactly 2^i is shown one bucket higher
// than it should be.
func (t *table) slots(m pmetric.Metric, s *series, now pcommon.Timestamp) {
	c := t.plan.cfg
	var count uint64
	last := 0
	for i, n := range s.slots {
		count += n
		if n > 0 {
			last = i + 1
		}
	}
	if c.Type == ExponentialHistogram {
		if m.Type() == pmetric.MetricTypeEmpty {
			m.SetEmptyExponentialHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		}
		p := m.ExponentialHistogram().DataPoints().AppendEmpty()
		p.SetStartTimestamp(t.start)
		p.SetTimestamp(now)
		p.SetCount(count)
		p.Positive().BucketCounts().FromRaw(s.slots[:last])
		s.attributes.CopyTo(p.Attributes())
		return
	}
	if m.Type() == pmetric.MetricTypeEmpty {
		m.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	}
	p := m.Histogram().DataPoints().AppendEmpty()
	p.SetStartTimestamp(t.start)
	p.SetTimestamp(now)
	p.SetCount(count)
	p.BucketCounts().FromRaw(s.slots)
	bounds := make([]float64, 0, len(s.slots))
	for i := range max(len(s.slots)-1, 0) {
		bounds = append(bounds, c.bound(i))
	}
	p.ExplicitBounds().FromRaw(bounds)
	s.attributes.CopyTo(p.Attributes())
}

// bound is the largest value of a slot.
func (m *Metric) bound(slot int) float64 {
	v := math.Ldexp(1, slot+1) - 1
	if m.SlotScale == Linear {
		v = float64(slot+1) * m.SlotWidth
		if m.SlotWidth >= 1 {
			v--
		}
	}
	if m.Scale != 0 {
		v *= m.Scale
	}
	return v
}
