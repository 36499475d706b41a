// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package aggregate

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Every value is in the bucket whose bounds hold it, at any scale.
func TestExponentialBuckets(t *testing.T) {
	for _, values := range [][]float64{
		{1, 2, 4, 0.5, 0.25},
		{0.001, 0.0010001, 0.00100001},
		{1e-9, 1e9, 0, 3},
		{math.Nextafter(1, 2), 1, math.Nextafter(1, 0)},
	} {
		e := newExponential()
		for _, v := range values {
			e.record(v)
		}
		require.LessOrEqual(t, len(e.counts), maxBuckets)
		want := make([]uint64, len(e.counts))
		zeros := uint64(0)
		base := math.Exp2(math.Exp2(-float64(e.scale)))
		for _, v := range values {
			if v == 0 {
				zeros++
				continue
			}
			i := e.index(v)
			want[i-e.offset]++
			low, high := math.Pow(base, float64(i)), math.Pow(base, float64(i+1))
			assert.LessOrEqual(t, low*(1-1e-9), v)
			assert.GreaterOrEqual(t, high*(1+1e-9), v)
		}
		assert.Equal(t, want, e.counts)
		assert.Equal(t, zeros, e.zero)
	}
	e := newExponential()
	for _, v := range []float64{1, 2, 4} {
		e.record(v)
	}
	assert.Equal(t, -1, e.index(1), "upper bounds are inclusive")
	assert.Equal(t, 6, e.scale, "the largest at which 0 to 2 powers of two fit in 160 buckets")
}
