// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// released is what a correlator gave back: each value with its parent, 0 without.
type released map[int]int

// value is an exchange that notes its release.
type value struct {
	in released
	v  int
}

func (v value) Release(parent *Context) Context {
	if _, twice := v.in[v.v]; twice {
		panic("released twice")
	}
	v.in[v.v] = 0
	if parent != nil {
		v.in[v.v] = int(parent.SpanID[0]) | int(parent.SpanID[1])<<8
	}
	return context(v.v)
}

func (r released) of(v int) Held { return value{r, v} }

// forgotten is an exchange that nobody asks for.
type forgotten struct{}

func (*forgotten) Release(*Context) Context { return Context{} }

func context(v int) Context { return Context{SpanID: [8]byte{byte(v), byte(v >> 8)}} }

func wire(seq uint32) Wire {
	return Wire{NetNS: 1, Client: netip.MustParseAddrPort("127.0.0.1:999"), Server: netip.MustParseAddrPort("127.0.0.1:80"), Seq: seq}
}

func x(seq uint32, start, end uint64) *Exchange {
	return &Exchange{Seq: seq, Start: start, End: end, RequestTID: 1, ResponseTID: 1}
}

func TestLocal(t *testing.T) {
	for _, c := range []struct {
		client, server string
		want           bool
	}{
		{"127.0.0.1:1", "127.0.0.1:2", true},
		{"127.0.0.1:1", "127.0.0.9:2", true},
		{"[::1]:1", "[::1]:2", true},
		{"10.0.0.1:1", "10.0.0.1:2", true},
		{"10.0.0.2:1", "10.0.0.1:2", false},
	} {
		w := Wire{Client: netip.MustParseAddrPort(c.client), Server: netip.MustParseAddrPort(c.server)}
		assert.Equal(t, c.want, w.Local(), c)
	}
	assert.False(t, (&Wire{}).Local())
}

func TestHeldNumberIsBounded(t *testing.T) {
	r := released{}
	l := DefaultLimits()
	l.Held = 10
	c := New(l)
	for i := 1; i <= 50; i++ {
		e := x(1, uint64(i), uint64(i+1))
		p := c.InThread(uint64(i), 1, e)
		require.True(t, p.Wait())
		c.HoldClient(p, nil, e, r.of(i), 100)
		assert.LessOrEqual(t, c.Held(), 10)
	}
	assert.EqualValues(t, 40, c.Stats().Overflowed)
	assert.Len(t, r, 40)
	assert.Contains(t, r, 1, "the oldest went first")
	assert.NotContains(t, r, 50)
	assert.Len(t, c.conns, 10, "connections that were never opened are forgotten")
	c.Flush()
	assert.Len(t, r, 50)
	assert.Empty(t, c.conns)
	assert.Zero(t, c.bytes)
}

func TestHeldMemoryIsBounded(t *testing.T) {
	r := released{}
	l := DefaultLimits()
	l.Bytes = 1000
	c := New(l)
	for i := 1; i <= 5; i++ {
		e := x(1, uint64(i), uint64(i+1))
		c.HoldClient(c.InThread(1, 1, e), nil, e, r.of(i), 400)
	}
	assert.Equal(t, 2, c.Held())
}

func TestTimes(t *testing.T) {
	r := released{}
	c := New(Limits{Held: 100, Bytes: 1e6, Thread: 1000, Wire: 100})
	e := x(1, 5, 10)
	c.HoldClient(c.InThread(1, 1, e), nil, e, r.of(1), 1)
	p := c.OnWire(wire(1), e)
	require.True(t, p.Wait())
	c.HoldServer(nil, p, wire(1), e, r.of(2), 1)
	c.Tick(109)
	assert.Empty(t, r)
	c.Tick(110)
	assert.Equal(t, released{2: 0}, r)
	c.Tick(1009)
	assert.Len(t, r, 1)
	c.Tick(1010)
	assert.Equal(t, released{1: 0, 2: 0}, r)
	assert.EqualValues(t, 2, c.Stats().Expired)
}

// Requests that begin in one segment have one name on the wire: they are
// matched in their order, and never held together.
func TestSeveralRequestsInOneSegment(t *testing.T) {
	r := released{}
	c := New(DefaultLimits())
	first := c.OnWire(wire(1), x(1, 5, 10))
	require.True(t, first.Wait())
	c.HoldServer(nil, first, wire(1), x(1, 5, 10), r.of(1), 1)
	second := c.OnWire(wire(1), x(1, 5, 11))
	assert.False(t, second.Found)
	c.ClientDone(wire(1), x(1, 4, 12), context(7))
	assert.Equal(t, released{1: 7}, r)
	c.ClientDone(wire(1), x(1, 4, 13), context(8))
	third := c.OnWire(wire(1), x(1, 5, 14))
	require.NotNil(t, third.Context)
	assert.Equal(t, context(8), *third.Context)
	fourth := c.OnWire(wire(1), x(1, 5, 15))
	assert.Nil(t, fourth.Context, "a client has one other end")
}

func TestClientMustBeginFirst(t *testing.T) {
	r := released{}
	c := New(DefaultLimits())
	c.ClientDone(wire(1), x(1, 6, 12), context(7))
	p := c.OnWire(wire(1), x(1, 5, 10))
	assert.Nil(t, p.Context)
	c.HoldServer(nil, p, wire(1), x(1, 5, 10), r.of(1), 1)
	c.ClientDone(wire(1), x(1, 6, 12), context(7))
	assert.Empty(t, r)
}

// Whatever comes in whatever order: each exchange is released once, with a
// parent that began before it, and nothing stays.
func TestReleasedOnce(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		r := released{}
		c := New(Limits{Held: 1 + rng.IntN(30), Bytes: 1e6, Thread: 500, Wire: 100})
		conns := map[uint64]*Conn{}
		start := map[int]uint64{}
		done := 0
		now := uint64(0)
		for v := 1; v <= 200; v++ {
			now += uint64(rng.IntN(20))
			from := now - min(now, uint64(rng.IntN(300)))
			seq := uint32(rng.IntN(6))
			e := &Exchange{Seq: seq, Start: from, End: now, RequestTID: uint32(rng.IntN(2)), ResponseTID: uint32(rng.IntN(2))}
			start[v] = from
			w := wire(uint32(rng.IntN(6)))
			id := uint64(1 + rng.IntN(4))
			parentOf := func(p Parent) {
				done++
				r[v] = 0
				if p.Context != nil {
					r[v] = int(p.Context.SpanID[0]) | int(p.Context.SpanID[1])<<8
				}
			}
			switch rng.IntN(4) {
			case 0:
				p := c.InThread(id, seq, e)
				if p.Wait() {
					c.HoldClient(p, &w, e, r.of(v), 10)
				} else {
					parentOf(p)
					c.ClientDone(w, e, context(v))
				}
			case 1, 2:
				if conns[id] == nil {
					conns[id] = c.Open(id)
				}
				p := c.OnWire(w, e)
				if p.Wait() {
					c.HoldServer(conns[id], p, w, e, r.of(v), 10)
				} else {
					parentOf(p)
					c.ServerDone(conns[id], e, context(v))
				}
			default:
				if conn := conns[id]; conn != nil && rng.IntN(3) == 0 {
					c.Close(conn)
					delete(conns, id)
				}
				c.Tick(now)
				delete(start, v)
			}
		}
		c.Flush()
		require.Len(t, r, len(start))
		for v, parent := range r {
			if parent != 0 {
				require.LessOrEqual(t, start[parent], start[v])
			}
		}
		require.Zero(t, c.Held())
		require.Zero(t, c.bytes)
		require.Nil(t, c.threads.head)
		require.Nil(t, c.wait.tail)
		require.Empty(t, c.wires)
		require.Len(t, c.conns, len(conns))
	}
}

func BenchmarkWireInVain(b *testing.B) {
	c := New(DefaultLimits())
	e := x(1, 5, 10)
	w := wire(0)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		w.Seq = uint32(i)
		if p := c.OnWire(w, e); p.Wait() {
			c.HoldServer(nil, p, w, e, &forgotten{}, 100)
		}
	}
}

func BenchmarkWireMatch(b *testing.B) {
	c := New(DefaultLimits())
	e := x(1, 5, 10)
	w := wire(0)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		w.Seq = uint32(i)
		if p := c.OnWire(w, e); p.Wait() {
			c.HoldServer(nil, p, w, e, &forgotten{}, 100)
		}
		c.ClientDone(w, e, Context{})
	}
}
