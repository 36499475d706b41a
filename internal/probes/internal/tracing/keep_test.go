// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package tracing

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// A trace that the kernel kept gets an ID that the sampler keeps, too, and
// whoever else goes by its threshold.
func TestKeptTracesGetIDsThatAreKept(t *testing.T) {
	for _, ratio := range []float64{1, 0.5, 0.01, 1e-9} {
		tr := New(SamplingConfig{Ratio: ratio, ParentBased: true})
		seen := map[[16]byte]bool{}
		for range 1000 {
			id := tr.Place(0, nil, &Remote{}, Keep)
			assert.True(t, id.Sampled, "ratio %v", ratio)
			seen[id.TraceID] = true
		}
		assert.Len(t, seen, 1000, "ratio %v", ratio)
		assert.InDelta(t, (1-ratio)*(1<<32), float64(tr.Reject()), 1<<18, "ratio %v", ratio)
	}
	never := New(SamplingConfig{ParentBased: true})
	assert.False(t, never.Place(0, nil, &Remote{}, Keep).Sampled)
	assert.EqualValues(t, 1<<32, never.Reject())
}

// What the request itself says stands above what the kernel did not read.
func TestDropped(t *testing.T) {
	assert.True(t, Dropped(Drop, &Remote{}))
	assert.False(t, Dropped(Drop, &Remote{Valid: true}))
	assert.False(t, Dropped(Drop, &Remote{Decided: Keep}))
	assert.False(t, Dropped(Keep, &Remote{}))
	assert.False(t, Dropped(Undecided, &Remote{}))
}
