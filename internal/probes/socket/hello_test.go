// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment/segmenttest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/tls"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
)

// recorded gives the hellos of a stored conversation, without the headers of their records.
func recorded(t *testing.T) (client, server []byte) {
	t.Helper()
	events := segmenttest.Read(t, "../../protocol/testdata/captures/tls1_3.txt")
	client, server = []byte(events[0].Bytes), []byte(events[1].Bytes)
	return client[5:], server[5 : 5+int(server[3])<<8+int(server[4])]
}

// In whatever pieces hellos come, they say the same, and nothing is kept of them.
func TestHellosInPieces(t *testing.T) {
	client, server := recorded(t)
	want := tls.Facts{Version: tls.Version13, Cipher: 0x1302}
	for _, size := range []int{1, 7, 50, maxHello} {
		h := newHellos(8)
		facts := h.facts(1, 0) // whoever asks before knows it too
		for d, b := range [][]byte{client, server} {
			for at := 0; at < len(b); at += size {
				h.take(1, stream.Direction(d), b[at:min(len(b), at+size)], 0)
			}
		}
		assert.Equal(t, want, *facts, "in pieces of %d", size)
		assert.Zero(t, h.partial, "in pieces of %d", size)
		assert.Nil(t, h.conns[1].parts[0])
	}
}

// What follows a hello is none, though it may look like one.
func TestHellosEnd(t *testing.T) {
	client, server := recorded(t)
	h := newHellos(8)
	h.take(1, stream.Receive, client, 0)
	h.take(1, stream.Send, server, 0)
	want := *h.facts(1, 0)
	other := bytes.Replace(server, []byte{0x13, 0x02}, []byte{0x13, 0x01}, 1)
	require.NotEqual(t, server, other)
	h.take(1, stream.Send, other, 0)
	assert.Equal(t, want, *h.facts(1, 0))
}

// A hello without a byte tells that the kernel encrypts, to who has asked for the facts before, too.
func TestHelloOfKernel(t *testing.T) {
	client, server := recorded(t)
	h := newHellos(8)
	facts := h.facts(1, 0)
	h.take(1, stream.Receive, client, 0)
	h.take(1, stream.Receive, nil, 0)
	h.take(1, stream.Send, server, 0)
	assert.Equal(t, tls.Facts{Version: tls.Version13, Cipher: 0x1302, Kernel: true}, *facts)
}

// Each piece of a hello whose beginning there was no room for is counted as lost, and facts that somebody
// has had are not counted as given up.
func TestHellosRefused(t *testing.T) {
	client, _ := recorded(t)
	h := newHellos(2 * maxPartial)
	for conn := range uint64(maxPartial + 1) {
		h.take(conn, stream.Receive, client[:20], 0)
	}
	assert.EqualValues(t, 1, h.refused)
	h.take(maxPartial, stream.Receive, client[20:], 0)
	assert.EqualValues(t, 2, h.refused)
	h = newHellos(1)
	h.take(1, stream.Receive, client, 0)
	h.facts(1, 0)
	h.take(2, stream.Receive, client, 0)
	assert.Zero(t, h.dropped)
	h.take(3, stream.Receive, client, 0)
	assert.EqualValues(t, 1, h.dropped)
}

// What is kept is bounded: connections, parts, and the size of one.
func TestHellosAreBounded(t *testing.T) {
	client, _ := recorded(t)
	h := newHellos(1000)
	for conn := range uint64(3000) {
		h.take(conn, stream.Receive, client[:20], conn)
	}
	require.Len(t, h.conns, 1000)
	assert.EqualValues(t, 2000, h.dropped)
	assert.LessOrEqual(t, h.partial, maxPartial)
	assert.NotZero(t, h.refused, "parts there was no room for are counted")
	endless := append([]byte{1, 0xff, 0xff, 0xff, 3, 3}, bytes.Repeat([]byte{0xff}, 40)...)
	h = newHellos(8)
	h.take(1, stream.Send, endless, 0)
	require.Equal(t, 1, h.partial)
	for range 100 {
		h.take(1, stream.Send, make([]byte, 100), 0)
	}
	assert.Zero(t, h.partial)
	h.take(2, stream.Send, endless, 5)
	h.take(3, stream.Send, endless, 5)
	h.expire(6, func(conn uint64) bool { return conn == 3 })
	assert.NotContains(t, h.conns, uint64(1))
	assert.NotContains(t, h.conns, uint64(2))
	assert.Contains(t, h.conns, uint64(3), "it is open")
	assert.Equal(t, 1, h.partial)
	h.forget(3)
	assert.Zero(t, h.partial)
	assert.Empty(t, h.conns)
}
