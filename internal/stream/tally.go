// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package stream

// TallyBounds are the upper bounds of a Tally's buckets, inclusive, in ns: those of the
// conventions for http.*.request.duration. The last bucket has none.
var TallyBounds = [14]uint64{5e6, 10e6, 25e6, 50e6, 75e6, 100e6, 250e6, 500e6, 750e6, 1e9, 2.5e9, 5e9, 7.5e9, 10e9}

// TallySlots is the number of Tallies of one connection at a time: TALLIES of bpf/include/socket.h.
const TallySlots = 4

// Tally stands for a number of exchanges as Summaries do for one each, of which more than
// their durations is not wanted.
type Tally struct {
	// Start is boot time of the first byte of the first of them, ns, End of the last byte of the last one.
	Start, End uint64
	// Sum, Min and Max are of durations, in ns. Min and Max may be those of earlier ones of the
	// connection.
	Sum, Min, Max uint64
	Counts        [len(TallyBounds) + 1]uint64
	Count         uint64
	Status        uint16
	Method        Method
	Minor         uint8 // of the version
	// Route is that of segment.Tag.
	Route uint16
}

// TallyTotal is what the kernel has counted since a Tally got its number.
type TallyTotal struct {
	Sum    uint64
	Counts [len(TallyBounds) + 1]uint32 // they wrap around
	Count  uint32
	Number uint16 // never 0
}

// since gives what came to a total after another one.
func (t *TallyTotal) since(last *TallyTotal, to *Tally) {
	if t.Number != last.Number {
		last = &TallyTotal{}
	}
	to.Sum = t.Sum - last.Sum
	to.Count = uint64(t.Count - last.Count)
	for i, n := range t.Counts {
		to.Counts[i] = uint64(n - last.Counts[i])
	}
}

// Tally hands on what came to the total since it was told last. told of these had been told before,
// by the kernel's account. lost is the number of exchanges that it cannot tell apart: when the
// connection had to be given up in between. ok tells whether somebody took the rest.
func (t *Table) Tally(h Handle, slot int, total *TallyTotal, told uint32, s *Tally, now uint64) (lost uint64, ok bool) {
	h.e.last = now
	to, ok := h.e.handler.(Summarizer)
	if !ok {
		return 0, false
	}
	if h.e.tallies == nil {
		h.e.tallies = new([TallySlots]TallyTotal)
	}
	last := &h.e.tallies[slot]
	if last.Number != total.Number && told > 0 {
		*last = *total
		return uint64(total.Count - told), true
	}
	if last.Number == total.Number && int32(total.Count-last.Count) < 0 {
		return 0, true // it is from before the last one
	}
	total.since(last, s)
	*last = *total
	if s.Count > 0 {
		to.Tally(s)
	}
	return 0, true
}
