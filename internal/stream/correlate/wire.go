// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import "net/netip"

const (
	// recent is the number of client exchanges that are remembered.
	recent = 4096
	// trial is how many exchanges of a server wait, before a client of it was ever seen.
	trial = 16
	// trusted is how many wait in vain after a client was seen.
	trusted = 4096
	// maxServers bounds the addresses of which that is known.
	maxServers = 1024
)

// client is a client exchange that ended before its other end.
type client struct {
	wire  Wire
	start uint64
	id    identity
	valid bool
}

// server is what the clients of a server have in common.
type server struct {
	netNS uint32
	addr  netip.AddrPort
}

// credit is how many more exchanges of a server may wait.
type credit struct{ left int }

// slot is the place where the client exchange of that wire is remembered.
func (c *Correlator) slot(w *Wire) *client {
	// Sequence number and port differ between exchanges; a collision costs one match.
	h := uint64(w.Seq)*0x9e3779b97f4a7c15 ^ uint64(w.Client.Port())*0xc2b2ae3d27d4eb4f
	return &c.clients[h>>52&(recent-1)]
}

// OnWire looks for the client exchange that is the other end of the server
// exchange x.
func (c *Correlator) OnWire(wire Wire, x *Exchange) Parent {
	if c.clients != nil {
		if s := c.slot(&wire); s.valid && s.wire == wire && s.start <= x.Start {
			c.stats.OnWire++
			s.valid = false
			return s.id.parent()
		}
	}
	if _, twice := c.wires[wire]; twice {
		// Several requests in one segment: which is which cannot be told.
		return Parent{}
	}
	if !c.worth(wire) {
		return Parent{}
	}
	return Parent{Found: true, wire: true}
}

// ClientDone tells the context of a client exchange that was not held.
func (c *Correlator) ClientDone(wire Wire, x *Exchange, ctx Context) {
	c.meet(wire, x, identity{ctx: ctx})
}

// meet lets a client exchange be found by its other end.
func (c *Correlator) meet(wire Wire, x *Exchange, id identity) {
	c.seen(wire)
	if n := c.wires[wire]; n != nil && x.Start <= n.x.Start {
		c.stats.OnWire++
		c.adopt(id, n)
		return
	}
	if c.clients == nil {
		c.clients = make([]client, recent)
	}
	*c.slot(&wire) = client{wire: wire, start: x.Start, id: id, valid: true}
}

func serverOf(w Wire) server { return server{w.NetNS, w.Server} }

// worth tells whether to wait: whether clients of the server are observed, or
// may be. So a server whose clients are not observed costs one look-up.
func (c *Correlator) worth(w Wire) bool {
	k := c.servers[serverOf(w)]
	if k == nil {
		if len(c.servers) >= maxServers {
			clear(c.servers)
		}
		k = &credit{left: trial}
		c.servers[serverOf(w)] = k
	}
	if k.left == 0 {
		return false
	}
	k.left--
	return true
}

// seen takes note of a client exchange.
func (c *Correlator) seen(w Wire) {
	if k := c.servers[serverOf(w)]; k != nil {
		k.left = trusted
	}
}
