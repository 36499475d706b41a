// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package aggregate

import (
	"math"

	"go.opentelemetry.io/collector/pdata/pmetric"
)

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
