// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"math"
	"sort"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// durationBounds are the conventions' for http.*.request.duration, in seconds.
var durationBounds = []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}

// sizeBounds are for bodies, in bytes: the conventions give none, so powers of four.
var sizeBounds = []float64{0, 64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20, 64 << 20, 256 << 20}

// exemplar links a value to a span. time is boot time, 0 when there is none.
type exemplar struct {
	value   float64
	time    uint64
	traceID [16]byte
	spanID  [8]byte
}

// maxReservoir is the number of exemplars of an exponential histogram's point.
const maxReservoir = 4

// histogram aggregates values. It is either explicit or exponential.
type histogram struct {
	count    uint64
	sum      float64
	min, max float64

	bounds []float64 // explicit
	counts []uint64
	exp    *exponential

	exemplars []exemplar // one for each bucket, or a reservoir
	offered   int
}

func newHistogram(exponentialKind bool, bounds []float64) *histogram {
	if exponentialKind {
		return &histogram{exp: newExponential()}
	}
	return &histogram{bounds: bounds, counts: make([]uint64, len(bounds)+1)}
}

func (h *histogram) record(v float64) {
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

// bucket: upper bounds are inclusive.
func (h *histogram) bucket(v float64) int { return sort.SearchFloat64s(h.bounds, v) }

// offer keeps e as the last of its bucket, or one of the last few.
func (h *histogram) offer(e exemplar) {
	if h.exemplars == nil {
		n := maxReservoir
		if h.exp == nil {
			n = len(h.counts)
		}
		h.exemplars = make([]exemplar, n)
	}
	i := h.offered % maxReservoir
	if h.exp == nil {
		i = h.bucket(e.value)
	}
	h.offered++
	h.exemplars[i] = e
}

// writeTo appends a point to m, which gets its type from the first point.
func (h *histogram) writeTo(m pmetric.Metric, start, now pcommon.Timestamp, clock func(uint64) pcommon.Timestamp) pcommon.Map {
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
			if e := &h.exemplars[i]; e.time != 0 {
				x := es.AppendEmpty()
				x.SetDoubleValue(e.value)
				x.SetTimestamp(clock(e.time))
				x.SetTraceID(e.traceID)
				x.SetSpanID(e.spanID)
			}
		}
		clear(h.exemplars)
		h.offered = 0
	}
	return attrs
}

// maxBuckets is the size of an exponential histogram, the SDK's default.
const maxBuckets = 160

// exponential is a base-2 exponential histogram of values that are not
// negative (OpenTelemetry metrics data model).
type exponential struct {
	scale  int
	offset int
	counts []uint64 // buckets offset, offset+1, …
	zero   uint64
}

func newExponential() *exponential { return &exponential{scale: 20} }

func (e *exponential) record(v float64) {
	if v <= 0 {
		e.zero++
		return
	}
	i := e.index(v)
	if len(e.counts) == 0 {
		e.counts = append(make([]uint64, 0, 16), 1)
		e.offset = i
		return
	}
	low, high := min(i, e.offset), max(i, e.offset+len(e.counts)-1)
	shift := 0
	for high>>shift-low>>shift >= maxBuckets {
		shift++
	}
	if shift > 0 {
		e.downscale(shift)
		i >>= shift
	}
	if i < e.offset {
		grown := make([]uint64, e.offset-i+len(e.counts))
		copy(grown[e.offset-i:], e.counts)
		e.counts, e.offset = grown, i
	}
	for i-e.offset >= len(e.counts) {
		e.counts = append(e.counts, 0)
	}
	e.counts[i-e.offset]++
}

// index of the bucket (base^i, base^(i+1)] with base = 2^(2^-scale).
func (e *exponential) index(v float64) int {
	frac, exp := math.Frexp(v)
	if e.scale <= 0 {
		i := exp - 1
		if frac == 0.5 {
			i--
		}
		return i >> -e.scale
	}
	return exp<<e.scale + int(math.Ceil(math.Ldexp(math.Log2(frac), e.scale))) - 1
}

// downscale merges 2^shift buckets into one.
func (e *exponential) downscale(shift int) {
	offset := e.offset >> shift
	n := 0
	for i, c := range e.counts {
		to := (e.offset+i)>>shift - offset
		e.counts[i] = 0
		e.counts[to] += c
		n = to + 1
	}
	e.counts, e.offset, e.scale = e.counts[:n], offset, e.scale-shift
}

func (e *exponential) writeTo(p pmetric.ExponentialHistogramDataPoint) {
	p.SetScale(int32(e.scale))
	p.SetZeroCount(e.zero)
	p.Positive().SetOffset(int32(e.offset))
	p.Positive().BucketCounts().FromRaw(e.counts)
}
