// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package inkernel

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// Kind is what becomes of words of a value.
type Kind uint8

const (
	// Sum is a monotonic sum of one word.
	Sum Kind = iota
	// Seconds64 is a monotonic sum of one word in nanoseconds, emitted in seconds.
	Seconds64
	// UpDown is what one word, the number of beginnings, exceeds the next one, of ends.
	UpDown
	// Histogram is an exponential histogram.
	Histogram
)

// Metric is made of some words of each value. Several entries of one name, with other
// attributes each, are one metric when they follow each other.
type Metric[D any] struct {
	Name, Unit, Description string
	Kind                    Kind
	// Word is the first word of the value that it takes.
	Word int
	// Layout is that of a histogram.
	Layout Layout
	// Skip leaves a point out whose value is zero though its series exists. Without it
	// sums of zero are emitted, too; histograms never are.
	Skip bool
	// Only tells whether a series has the metric at all. Nil means that all have it.
	Only func(dims *D) bool
	// Attributes writes those of a point. It may be nil.
	Attributes func(m pcommon.Map, dims *D)
}

// has tells whether a series has something to say of it.
func (m *Metric[D]) has(dims *D, words []uint64) bool {
	if m.Only != nil && !m.Only(dims) {
		return false
	}
	if m.Kind == Histogram {
		return m.Layout.count(words[m.Word:]) > 0
	}
	return !m.Skip || words[m.Word] > 0
}

// begin gives the metric its name and type.
func (m *Metric[D]) begin(out pmetric.Metric) {
	out.SetName(m.Name)
	out.SetUnit(m.Unit)
	out.SetDescription(m.Description)
	if m.Kind == Histogram {
		out.SetEmptyExponentialHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		return
	}
	s := out.SetEmptySum()
	s.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	s.SetIsMonotonic(m.Kind != UpDown)
}

// point appends a series to the metric.
func (m *Metric[D]) point(out pmetric.Metric, words []uint64, start, now pcommon.Timestamp) pcommon.Map {
	if m.Kind == Histogram {
		p := out.ExponentialHistogram().DataPoints().AppendEmpty()
		p.SetStartTimestamp(start)
		p.SetTimestamp(now)
		m.Layout.write(p, words[m.Word:])
		return p.Attributes()
	}
	p := out.Sum().DataPoints().AppendEmpty()
	p.SetStartTimestamp(start)
	p.SetTimestamp(now)
	switch m.Kind {
	case Seconds64:
		p.SetDoubleValue(float64(words[m.Word]) / 1e9)
	case UpDown:
		p.SetIntValue(int64(words[m.Word] - words[m.Word+1]))
	default:
		p.SetIntValue(int64(words[m.Word]))
	}
	return p.Attributes()
}
