// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package inkernel

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/rlimit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/inkernel/exphisttest"
)

// layouts are the two that probes use.
func layouts() map[string]Layout { return map[string]Layout{"seconds": Durations(), "bytes": Sizes()} }

// specified is the specification's mapping function by logarithm: "all scales" in the
// metrics data model.
func specified(v float64) int {
	return int(math.Ceil(math.Log2(v)*perOctave)) - 1
}

// above tells exactly whether v of the kernel's units is above base^index of the
// histogram's: v^8 > per^8 · 2^index.
func above(v uint64, per float64, index int) bool {
	power := func(x uint64) *big.Int {
		return new(big.Int).Exp(new(big.Int).SetUint64(x), big.NewInt(perOctave), nil)
	}
	left, right := power(v), power(uint64(per))
	if index >= 0 {
		right.Lsh(right, uint(index))
	} else {
		left.Lsh(left, uint(-index))
	}
	return left.Cmp(right) > 0
}

// edges are the integers at both sides of each bound of each bucket.
func edges(l Layout) []uint64 {
	var all []uint64
	for slot := range l.slots() {
		bound := math.Exp2(float64(l.Index(slot)+1)/perOctave) * l.per
		for d := -2; d <= 2; d++ {
			all = append(all, uint64(int64(bound)+int64(d)))
		}
	}
	return all
}

// values are of all magnitudes.
func values(n int) []uint64 {
	r := rand.New(rand.NewPCG(1, 2))
	all := make([]uint64, n)
	for i := range all {
		all[i] = r.Uint64() >> r.IntN(64)
	}
	return all
}

// The bucket of each value is that of the specification: by its logarithm for millions of
// values, and by exact arithmetic where rounding could decide.
func TestSlotsAreThoseOfTheSpecification(t *testing.T) {
	for name, l := range layouts() {
		t.Run(name, func(t *testing.T) {
			for _, v := range edges(l) {
				s := l.Slot(v)
				if s > 0 {
					require.True(t, above(v, l.per, l.Index(s)), "%d is not above the lower bound of its bucket", v)
				}
				if v>>l.High == 0 {
					require.False(t, above(v, l.per, l.Index(s)+1), "%d is above the upper bound of its bucket", v)
				}
			}
			checked := 0
			for _, v := range values(3_000_000) {
				s := l.Slot(v)
				switch {
				case s == 0:
					if float64(v)/l.per > l.zeroThreshold() {
						t.Fatalf("%d is not below the first bucket", v)
					}
				case v>>l.High != 0:
					if s != l.slots()-1 {
						t.Fatalf("%d is in %d, not in the last slot", v, s)
					}
				default:
					want := specified(float64(v) / l.per)
					if want != l.Index(s) && (!above(v, l.per, l.Index(s)) || above(v, l.per, l.Index(s)+1)) {
						t.Fatalf("%d: bucket %d, not %d", v, l.Index(s), want)
					}
					checked++
				}
			}
			assert.Greater(t, checked, 700_000)
		})
	}
}

// The program in the kernel finds the same slots as the code in Go.
func TestKernelFindsTheSameSlots(t *testing.T) {
	livetest.RequireRoot(t)
	livetest.CheckLeaks(t)
	require.NoError(t, rlimit.RemoveMemlock())
	spec, err := exphisttest.Load()
	require.NoError(t, err)
	c, err := ebpf.NewCollection(spec)
	require.NoError(t, err)
	defer c.Close()
	d, s := Durations(), Sizes()
	all := append(append(edges(d), edges(s)...), values(1_000_000)...)
	var v exphisttest.Values
	packet := make([]byte, 14) // the least that a test run takes
	for len(all) > 0 {
		n := copy(v.In[:], all)
		all = all[n:]
		require.NoError(t, c.Maps["values"].Put(uint32(0), &v))
		result, err := c.Programs["exphist"].Run(&ebpf.RunOptions{Data: packet})
		require.NoError(t, err)
		require.EqualValues(t, 1, result)
		require.NoError(t, c.Maps["values"].Lookup(uint32(0), &v))
		for i, in := range v.In {
			if int(v.Duration[i]) != d.Slot(in) || int(v.Size[i]) != s.Slot(in) {
				t.Fatalf("%d: the kernel has %d and %d, Go %d and %d", in, v.Duration[i], v.Size[i], d.Slot(in), s.Slot(in))
			}
		}
	}
}

// Quantiles of what is written are within 10 % of the exact ones, wherever in its bucket
// a reader supposes a value.
func TestHistogramPoint(t *testing.T) {
	l := Durations()
	words := make([]uint64, l.Words())
	p := pmetric.NewExponentialHistogramDataPoint()
	l.write(p, words)
	assert.Zero(t, p.Positive().BucketCounts().Len())

	for _, ns := range []uint64{0, 900, 1_000_000_000, 1_000_000_001, 250_000_000} {
		words[0] += ns
		words[1+l.Slot(ns)]++
	}
	l.write(p, words)
	assert.EqualValues(t, 5, p.Count())
	assert.EqualValues(t, 2, p.ZeroCount())
	assert.InDelta(t, 2.250000901, p.Sum(), 1e-12)
	assert.InDelta(t, 1.04e-6, p.ZeroThreshold(), 0.01e-6)
	// 0.25 s and 1 s are upper bounds: of the buckets -17 and -1; a nanosecond more is in the next.
	assert.EqualValues(t, -17, p.Positive().Offset())
	counts := p.Positive().BucketCounts().AsRaw()
	require.Len(t, counts, 18)
	assert.Equal(t, []uint64{1, 1, 1}, []uint64{counts[0], counts[16], counts[17]})
	assert.Less(t, math.Exp2(1.0/perOctave), 1.1)
}
