// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package inkernel

import (
	"math"
	"math/bits"

	"go.opentelemetry.io/collector/pdata/pmetric"
)

// Scale is that of the histograms: a bucket's upper bound is 2^(1/8) times its lower one.
const Scale = 3

const perOctave = 1 << Scale

// Unit says what buckets are cut in.
type Unit struct {
	// bounds are the mantissas of the kernel's integers at which buckets end.
	bounds [perOctave]uint64
	// offset is what is between the number of a bucket and its index.
	offset int
	// per is how many of the kernel's units make one of the histogram's.
	per float64
}

// Seconds are of durations that the kernel measures in nanoseconds.
func Seconds() Unit {
	return Unit{
		bounds: [perOctave]uint64{
			0x81ffa7a9549ca6e3, 0x8dc3b8960164a7d9, 0x9a9867054d512391, 0xa8965f74bf065071,
			0xb7d88a12d0dd9ea0, 0xc87c3e7d03cdbec3, 0xdaa17c2cd19555db, 0xee6b280000000000,
		},
		// 10^9 is the last bound of the octave that begins at 2^29.
		offset: 29*perOctave + perOctave, per: 1e9,
	}
}

// Bytes are of sizes.
func Bytes() Unit {
	return Unit{
		bounds: [perOctave]uint64{
			0x8000000000000000, 0x8b95c1e3ea8bd6e6, 0x9837f0518db8a96f, 0xa5fed6a9b15138ea,
			0xb504f333f9de6484, 0xc5672a115506dadd, 0xd744fccad69d6af4, 0xeac0c6e7dd24392e,
		},
		offset: 1, per: 1,
	}
}

// Layout is that of a histogram in the kernel: the sum, then a slot for values below the
// first bucket, then eight for each octave from 2^Low to 2^High.
type Layout struct {
	Unit
	Low, High int
}

// Durations are struct exp_duration: 1 µs to 275 s.
func Durations() Layout { return Layout{Seconds(), 10, 38} }

// Sizes are struct exp_size: 512 bytes to 32 MiB.
func Sizes() Layout { return Layout{Bytes(), 9, 25} }

// slots is how many there are.
func (l *Layout) slots() int { return perOctave*(l.High-l.Low) + 1 }

// Words is the length of a histogram in words of 64 bits.
func (l *Layout) Words() int { return 1 + l.slots() }

// Slot is where the kernel counts the value v, by the same steps as exp_slot of
// bpf/include/exphist.h.
func (l *Layout) Slot(v uint64) int {
	if v>>l.Low == 0 {
		return 0
	}
	if v>>l.High != 0 {
		return perOctave * (l.High - l.Low)
	}
	shift := bits.LeadingZeros64(v)
	m := v << shift
	below := 0
	for below < perOctave && m > l.bounds[below] {
		below++
	}
	return perOctave*(63-shift-l.Low) + below
}

// Index is that of a slot's bucket, which holds what is above base^index and up to
// base^(index+1), in the unit of the histogram.
func (l *Layout) Index(slot int) int { return slot + perOctave*l.Low - l.offset }

// zeroThreshold is the upper bound of the slot 0.
func (l *Layout) zeroThreshold() float64 {
	return math.Exp2(float64(l.Index(0)+1) / perOctave)
}

// count is how many values a histogram of the kernel holds.
func (l *Layout) count(words []uint64) uint64 {
	var n uint64
	for _, c := range words[1:l.Words()] {
		n += c
	}
	return n
}

// write fills in a point. The buckets are the kernel's: nothing is binned again.
func (l *Layout) write(p pmetric.ExponentialHistogramDataPoint, words []uint64) {
	slots := words[1:l.Words()]
	p.SetScale(Scale)
	p.SetSum(float64(words[0]) / l.per)
	p.SetCount(l.count(words))
	p.SetZeroCount(slots[0])
	p.SetZeroThreshold(l.zeroThreshold())
	first, last := 1, len(slots)-1
	for first <= last && slots[first] == 0 {
		first++
	}
	for last >= first && slots[last] == 0 {
		last--
	}
	if first > last {
		return
	}
	p.Positive().SetOffset(int32(l.Index(first)))
	p.Positive().BucketCounts().FromRaw(slots[first : last+1])
}
