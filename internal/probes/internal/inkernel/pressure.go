// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package inkernel

import "time"

const (
	// grace is how long after its exit a process may still be counted: its descriptors
	// are closed after the exit is reported, and its memory may be given back after it.
	grace = uint64(time.Second)
	// graceUnderPressure is that when the hashes would be full by then.
	graceUnderPressure = uint64(100 * time.Millisecond)
	// apart is how long at least there is between two readings because of exits.
	apart = uint64(50 * time.Millisecond)
	// firstGuess is how many entries a process has that ends, until that is known.
	firstGuess = 32
)

// pressure tells when short processes are about to fill the hashes before the next collection: each
// leaves its entries there until it is read a last time.
type pressure struct {
	size int // of the hashes, in entries
	left int // entries that the last reading left there
	each int // entries that a process has that ends, as of late
	// exits since the last reading.
	exits int
}

func (p *pressure) begin(size int) { p.size, p.each = size, firstGuess }

// ended notes an exit, and tells whether it is time to read.
func (p *pressure) ended() bool {
	p.exits++
	return p.isHigh()
}

// isHigh tells that those who ended may have taken half of the space that the living leave. Where
// these leave little, reading more often would not make more of it.
func (p *pressure) isHigh() bool {
	return p.exits*p.each >= max(p.size/16, (p.size-p.left)/2)
}

// grace is how long after their exit processes are kept by the reading that is about to begin.
func (p *pressure) grace() uint64 {
	if p.isHigh() {
		return graceUnderPressure
	}
	return grace
}

// read notes a reading: entries that it left and that it took out, and of how many processes
// that have ended.
func (p *pressure) read(left, out, ended int) {
	p.left, p.exits = left, 0
	if ended > 0 {
		p.each = (p.each + (out+ended-1)/ended + 1) / 2
	}
}
