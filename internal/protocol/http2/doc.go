// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package http2 turns the two byte directions of one TCP connection into HTTP/2 exchanges
// (RFC 9113, RFC 7541) and says what gRPC adds to them. It is pure: no I/O, no clock, no
// goroutine. It is the sibling of http1 and is used in the same way.
//
// A capture copies only prefixes of segments, so the stream has holes of known length. A
// hole inside a frame costs nothing but what stood in it; DATA is counted, never copied. A
// hole that hides a frame's header ends the framing of its direction until a segment starts
// with what is plainly a frame.
//
// # Header compression
//
// Header blocks of one direction share a dynamic table, so what a hole hides makes later
// fields unreadable, and a connection joined late begins that way. hpack.Decoder takes the
// first unknown index for an error and stops; this package decodes by itself, with a table
// that knows what it does not know. Entries inserted since the loss keep their index, since
// indexes count from the newest; an older one gives an unknown field, which is left out and
// counted ([Stats.UnknownFields]), while static and literal fields go on being read. The
// table is whole again when known entries alone fill it. Of fields that nobody asked for
// only the size is kept: credentials are not held in the table.
//
// # Conservation
//
// Every request whose header block was recognised is counted once in [Stats.Requests] and
// ends in exactly one place: an emitted exchange ([Stats.Exchanges]), one of the Drop
// counters, or, while its connection lives, among the open streams ([Parser.Pending]):
//
//	Requests = Exchanges + Drops() + Σ Pending()
//
// After Close nothing is pending. A request hidden in a hole was never seen; its response is
// counted in [Stats.OrphanResponses].
//
// # Streams touched by a hole
//
// When a hole may have hidden frames, each stream open in that direction may have ended in
// it, and its size is unknown. A frame that is seen later, above all its END_STREAM, still
// completes it. One that shows nothing for a minute, or is the oldest such when
// Options.MaxStreams is reached, ends as Truncated when its header was seen, and is counted
// as DropNoStatus when not.
package http2
