// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package aggregate

import (
	"fmt"
	"sort"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// Kind of histograms, as it is configured.
type Kind string

// The kinds.
const (
	ExplicitKind    Kind = "explicit" // with the conventions' boundaries
	ExponentialKind Kind = "exponential"
)

// Validate refuses all but the known kinds.
func (k Kind) Validate() error {
	if k != ExplicitKind && k != ExponentialKind {
		return fmt.Errorf("%q is neither %q nor %q", string(k), string(ExplicitKind), string(ExponentialKind))
	}
	return nil
}

// Exemplar links a value to a span. Time is boot time, 0 when there is none.
type Exemplar struct {
	Value   float64
	Time    uint64
	TraceID [16]byte
	SpanID  [8]byte
}

// maxReservoir is the number of exemplars of an exponential histogram's point.
const maxReservoir = 4

// Histogram aggregates values. It is either explicit or exponential.
type Histogram struct {
	count    uint64
	sum      float64
	min, max float64

	bounds []float64 // explicit
	counts []uint64
	exp    *exponential

	exemplars []Exemplar // one for each bucket, or a reservoir
	offered   int
}

// NewHistogram makes a histogram of the kind. bounds are the explicit one's.
func NewHistogram(k Kind, bounds []float64) *Histogram {
	if k == ExponentialKind {
		return &Histogram{exp: newExponential()}
	}
	return &Histogram{bounds: bounds, counts: make([]uint64, len(bounds)+1)}
}

// Record adds a value.
func (h *Histogram) Record(v float64) {
	if h.count == 0 || v < h.min {
		h.min = v
	}
	if h.count == 0 || v > h.max {
		h.max = v
	}
	h.count++
	h.sum += v
	if h.exp != nil {
		h.exp.record(v)
		return
	}
	h.counts[h.bucket(v)]++
}

// add adds values in the buckets of an explicit histogram.
func (h *Histogram) add(c *Counted) {
	if h.count == 0 || c.Min < h.min {
		h.min = c.Min
	}
	if h.count == 0 || c.Max > h.max {
		h.max = c.Max
	}
	h.sum += c.Sum
	for i, n := range c.Counts {
		h.count += n
		h.counts[i] += n
	}
}

// bucket: upper bounds are inclusive.
func (h *Histogram) bucket(v float64) int { return sort.SearchFloat64s(h.bounds, v) }

// Offer keeps e as the last of its bucket, or one of the last few.
func (h *Histogram) Offer(e Exemplar) {
	if h.exemplars == nil {
		n := maxReservoir
		if h.exp == nil {
			n = len(h.counts)
		}
		h.exemplars = make([]Exemplar, n)
	}
	i := h.offered % maxReservoir
	if h.exp == nil {
		i = h.bucket(e.Value)
	}
	h.offered++
	h.exemplars[i] = e
}

// WriteTo appends a point to m, which gets its type from the first point.
func (h *Histogram) WriteTo(m pmetric.Metric, start, now pcommon.Timestamp, clock func(uint64) pcommon.Timestamp) pcommon.Map {
	var attrs pcommon.Map
	var es pmetric.ExemplarSlice
	if h.exp != nil {
		if m.Type() == pmetric.MetricTypeEmpty {
			m.SetEmptyExponentialHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		}
		p := m.ExponentialHistogram().DataPoints().AppendEmpty()
		p.SetStartTimestamp(start)
		p.SetTimestamp(now)
		p.SetCount(h.count)
		p.SetSum(h.sum)
		p.SetMin(h.min)
		p.SetMax(h.max)
		h.exp.writeTo(p)
		attrs, es = p.Attributes(), p.Exemplars()
	} else {
		if m.Type() == pmetric.MetricTypeEmpty {
			m.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		}
		p := m.Histogram().DataPoints().AppendEmpty()
		p.SetStartTimestamp(start)
		p.SetTimestamp(now)
		p.SetCount(h.count)
		p.SetSum(h.sum)
		p.SetMin(h.min)
		p.SetMax(h.max)
		p.ExplicitBounds().FromRaw(h.bounds)
		p.BucketCounts().FromRaw(h.counts)
		attrs, es = p.Attributes(), p.Exemplars()
	}
	if h.offered > 0 {
		for i := range h.exemplars {
			if e := &h.exemplars[i]; e.Time != 0 {
				x := es.AppendEmpty()
				x.SetDoubleValue(e.Value)
				x.SetTimestamp(clock(e.Time))
				x.SetTraceID(e.TraceID)
				x.SetSpanID(e.SpanID)
			}
		}
		clear(h.exemplars)
		h.offered = 0
	}
	return attrs
}
