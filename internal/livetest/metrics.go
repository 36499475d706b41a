// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package livetest

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// Metrics is a [probe.Emitter] that keeps metrics. It is not safe for concurrent use;
// other signals panic.
type Metrics struct {
	probe.Emitter
	all []emitted
}

type emitted struct {
	process *probe.ProcessInfo
	metric  pmetric.Metric
}

// Metric implements [probe.Emitter].
func (m *Metrics) Metric(p *probe.ProcessInfo) pmetric.Metric {
	out := pmetric.NewMetric()
	m.all = append(m.all, emitted{p, out})
	return out
}

// Reset forgets what was emitted.
func (m *Metrics) Reset() { m.all = nil }

// Point is one point of a sum or an exponential histogram.
type Point struct {
	Process *probe.ProcessInfo
	Value   float64 // of a sum
	pmetric.ExponentialHistogramDataPoint
	attrs pcommon.Map
	start pcommon.Timestamp
}

// Start is the point's start time.
func (p *Point) Start() pcommon.Timestamp { return p.start }

// Attrs gives the attributes as in "a=1,b=x".
func (p *Point) Attrs() string {
	raw := p.attrs.AsRaw()
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(raw)) {
		parts = append(parts, fmt.Sprintf("%s=%v", k, raw[k]))
	}
	return strings.Join(parts, ",")
}

// Quantile of a histogram: the geometric middle of the bucket that holds it.
func (p *Point) Quantile(q float64) float64 {
	rank := uint64(math.Ceil(q * float64(p.Count())))
	n := p.ZeroCount()
	if rank <= n {
		return 0
	}
	for i, c := range p.Positive().BucketCounts().AsRaw() {
		if n += c; rank <= n {
			return math.Exp2((float64(i+int(p.Positive().Offset())) + 0.5) * math.Exp2(-float64(p.Scale())))
		}
	}
	return math.Inf(1)
}

// Difference is a histogram of what came to one between two readings of it.
func Difference(after, before *Point) *Point {
	d := Point{Process: after.Process, ExponentialHistogramDataPoint: pmetric.NewExponentialHistogramDataPoint(), attrs: after.attrs, start: before.start}
	after.CopyTo(d.ExponentialHistogramDataPoint)
	d.SetCount(after.Count() - before.Count())
	d.SetSum(after.Sum() - before.Sum())
	d.SetZeroCount(after.ZeroCount() - before.ZeroCount())
	counts := d.Positive().BucketCounts()
	for i, n := range before.Positive().BucketCounts().AsRaw() {
		if n > 0 {
			at := i + int(before.Positive().Offset()-after.Positive().Offset())
			counts.SetAt(at, counts.At(at)-n)
		}
	}
	return &d
}

// Points gives the points of the metric of that name and process (0: the kernel's; -1: of
// all), those of the last emission of each last.
func (m *Metrics) Points(name string, pid int) []Point {
	var points []Point
	for _, e := range m.all {
		if e.metric.Name() != name || pid >= 0 && e.process.PID != uint32(pid) {
			continue
		}
		if e.metric.Type() == pmetric.MetricTypeExponentialHistogram {
			for _, p := range e.metric.ExponentialHistogram().DataPoints().All() {
				points = append(points, Point{Process: e.process, ExponentialHistogramDataPoint: p, attrs: p.Attributes(), start: p.StartTimestamp()})
			}
			continue
		}
		for _, p := range e.metric.Sum().DataPoints().All() {
			v := p.DoubleValue()
			if p.ValueType() == pmetric.NumberDataPointValueTypeInt {
				v = float64(p.IntValue())
			}
			points = append(points, Point{Process: e.process, Value: v, attrs: p.Attributes(), start: p.StartTimestamp()})
		}
	}
	return points
}

// Values gives the last value of each attribute set of a sum of one process.
func (m *Metrics) Values(name string, pid int) map[string]float64 {
	values := map[string]float64{}
	for _, p := range m.Points(name, pid) {
		values[p.Attrs()] = p.Value
	}
	return values
}
