// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Requests on streams end in any order, and each gets what was done for it.
func TestStreams(t *testing.T) {
	r := released{}
	c := New(DefaultLimits())
	conn := c.OpenStreams(7)
	for i, stream := range []uint32{1, 3, 5, 99} {
		child := x(0, uint64(20+i), uint64(30+i))
		p := c.InThread(7, stream, child)
		require.True(t, p.Wait())
		c.HoldClient(p, nil, child, r.of(10+i), 1)
	}
	c.ServerDone(conn, x(5, 10, 100), context(105))
	assert.Equal(t, released{12: 105}, r)
	c.ServerDone(conn, x(1, 10, 110), context(101))
	assert.Equal(t, released{12: 105, 10: 101}, r)
	// One that began after it was answered is not its own.
	c.ServerDone(conn, x(3, 10, 15), context(103))
	assert.Equal(t, released{12: 105, 10: 101, 11: 0}, r)
	// What ends after the request is found, too.
	late := x(0, 50, 120)
	p := c.InThread(7, 5, late)
	require.NotNil(t, p.Context)
	assert.Equal(t, context(105), *p.Context)
	stranger := x(0, 150, 160)
	p = c.InThread(7, 5, stranger)
	assert.False(t, p.Found)
	c.Close(conn)
	assert.Equal(t, released{12: 105, 10: 101, 11: 0, 13: 0}, r)
	assert.Zero(t, c.Held())
}

func TestEndedStreamsAreBounded(t *testing.T) {
	c := New(DefaultLimits())
	conn := c.OpenStreams(7)
	for i := range uint32(3 * maxEnded) {
		c.ServerDone(conn, x(2*i+1, 10, 100), context(int(i)))
	}
	assert.Len(t, conn.ended, maxEnded)
	child := x(0, 20, 30)
	p := c.InThread(7, 1, child)
	assert.True(t, p.Wait(), "forgotten")
	p = c.InThread(7, 2*(3*maxEnded-1)+1, child)
	assert.NotNil(t, p.Context)
}

// A server's exchange that waits for its own parent holds its children.
func TestStreamsWithHeldParent(t *testing.T) {
	r := released{}
	c := New(DefaultLimits())
	conn := c.OpenStreams(7)
	child := x(0, 20, 30)
	c.HoldClient(c.InThread(7, 3, child), nil, child, r.of(1), 1)
	parent := x(3, 10, 100)
	p := c.OnWire(wire(3), parent)
	require.True(t, p.Wait())
	c.HoldServer(conn, p, wire(3), parent, r.of(2), 1)
	assert.Empty(t, r)
	c.ClientDone(wire(3), x(3, 5, 110), context(9))
	assert.Equal(t, released{2: 9, 1: 2}, r)
}
