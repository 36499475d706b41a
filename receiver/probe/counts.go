// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package probe

// Counts is the account of one probe, in its own unit (records of a Daemon,
// exchanges or events of an Instrument). Conservation: what was seen was
// delivered, sampled out, filtered or lost, or is still on its way.
type Counts struct {
	Seen       uint64
	Delivered  uint64
	SampledOut uint64
	Filtered   uint64
	Lost       [NumCauses]uint64
	// Incomplete are those that were delivered, sampled out or filtered without some of
	// what they should say: observation began too late to know it.
	Incomplete uint64
}

// Cause says why an event was lost.
type Cause uint8

// The causes of loss. Their names are attribute values of the receiver's own
// metrics.
const (
	RingFull    Cause = iota // the ring buffer had no space
	MapFull                  // a BPF map had no space
	Missed                   // the kernel did not run the program (recursion)
	Truncated                // the capture did not hold what was needed
	Undecodable              // the bytes made no sense
	Unmatched                // one half of a pair was never seen
	Overflow                 // a bound in user space was reached
	Refused                  // the pipeline refused it
	NumCauses
)

// String gives the cause as in "ring_full".
func (c Cause) String() string {
	names := [NumCauses]string{"ring_full", "map_full", "missed", "truncated", "undecodable", "unmatched", "overflow", "refused"}
	if c < NumCauses {
		return names[c]
	}
	return "unknown"
}

// TotalLost sums all causes.
func (c *Counts) TotalLost() uint64 {
	var n uint64
	for _, v := range c.Lost {
		n += v
	}
	return n
}
