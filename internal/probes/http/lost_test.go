// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// A request that the ring had no space for is counted once, though its
// response was seen. One that nobody saw is counted by its response.
func TestLostRequestIsCountedOnce(t *testing.T) {
	b := newBench(t, nil)
	c := b.conn(b.process("s"), stream.Server, "10.0.0.1:80", "10.0.0.2:999")
	answer := func(lost uint16) {
		data := []byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		c.h.Segment(&stream.Segment{Dir: stream.Send, Lost: lost, Segment: segment.Segment{Data: data, Len: int64(len(data)), Start: 5e6, End: 5e6}})
	}
	answer(0) // to a request before observation began
	b.p.Lost(nil, 2)
	answer(2)
	answer(2)
	counts := b.p.Counts()
	assert.EqualValues(t, 2, counts.Lost[probe.RingFull])
	assert.EqualValues(t, 1, counts.Lost[probe.Unmatched])
	assert.EqualValues(t, 3, counts.Seen)
	answer(2)
	assert.EqualValues(t, 2, b.p.Counts().Lost[probe.Unmatched])
}
