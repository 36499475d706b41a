// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package correlate finds the parent of an exchange among the other exchanges
// that are observed on the same host, of whatever protocol, where nothing in its
// bytes names it.
//
// There are two ways. In a thread: a client exchange that was sent while its
// thread served one request is a child of that server exchange. On the wire: a
// server exchange is the child of the client exchange that is its other end;
// the TCP sequence number of the request's first byte is the same at both ends.
//
// Exchanges become known when they end. So a child in a thread is known before
// its parent, and the two ends of the wire come in any order. What waits for
// its parent is held, in bounds of number, memory and time, and is released
// once with its parent or, when that does not come, without.
//
// Cycles cannot be: a parent in a thread began strictly before its child, one
// on the wire not after it.
//
// In the common case (no reference to a thread's request, a remote peer) nothing
// is held, looked up or allocated.
package correlate

import "net/netip"

// Context is what a child inherits.
type Context struct {
	TraceID [16]byte
	SpanID  [8]byte
	Sampled bool
	// State is the W3C tracestate.
	State string
}

// Held is an exchange that waits for its parent.
type Held interface {
	// Release is called once, with the parent's context or nil, and returns the
	// context of the exchange. It must not call the Correlator.
	Release(parent *Context) Context
}

// Exchange is what correlation needs to know of an exchange. Times are kernel
// boot time in ns.
type Exchange struct {
	// Seq is the number of the segment in which the request began.
	Seq        uint32
	Start, End uint64
	// RequestTID and ResponseTID are the threads that took part.
	RequestTID, ResponseTID uint32
}

// serves tells whether x was being served by the thread at that time, by it alone.
func (x *Exchange) serves(seq, tid uint32, at uint64) bool {
	return x.Seq == seq && x.RequestTID == tid && x.ResponseTID == tid && x.Start < at && at <= x.End
}

// Wire names an exchange in the same way at both ends.
type Wire struct {
	NetNS          uint32
	Client, Server netip.AddrPort
	Seq            uint32
}

// Local tells whether both ends are on this host, as far as the addresses
// show: a connection to one of the host's own addresses has that address, or
// a loopback address, at both ends.
func (w *Wire) Local() bool {
	c, s := w.Client.Addr(), w.Server.Addr()
	return c.IsValid() && s.IsValid() && (c.IsLoopback() || c == s)
}

// Limits bound what is held.
type Limits struct {
	// Held is the number of exchanges, Bytes their memory.
	Held, Bytes int
	// Thread and Wire are the longest waits, in ns.
	Thread, Wire uint64
}

// DefaultLimits returns the defaults. A parent in a thread ends with its
// response, which may take as long as a slow request. The other end of a wire
// has seen the same bytes: only the delay of the ring (0.1 s) and a reader that
// is slow to take the end of the response lie between.
func DefaultLimits() Limits {
	return Limits{Held: 8192, Bytes: 16 << 20, Thread: 30e9, Wire: 2e9}
}

// Stats count what happened to held exchanges.
type Stats struct {
	// Held is all that had to wait; InThread and OnWire found their parents, now or after a wait.
	Held, InThread, OnWire uint64
	// Expired, Overflowed, Rejected were released without a parent: after their
	// time, for want of space, or because the parent turned out not to be it.
	Expired, Overflowed, Rejected uint64
}
