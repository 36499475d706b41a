// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"net/netip"
	"unsafe"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
)

// Flags of a record: REC_* of bpf/include/socket.h.
const (
	flagClosed = 1 << iota
	flagReset
	flagSendEOF
	flagIdle
	flagUnix
	flagTLS
	flagLeft
	flagHello
)

const (
	afInet  = 2
	afInet6 = 10
)

const (
	recSize = int(unsafe.Sizeof(objectRec{}))
	// A summary comes with or without the target.
	summarySize = int(unsafe.Offsetof(objectSummary{}.Target))
	targetSize  = int(unsafe.Sizeof(objectSummary{}.Target))
)

// toldSize is that of what the Instrument "go" adds.
const toldSize = int(unsafe.Sizeof(objectGoTold{}))

// Kinds of it: TOLD_* of bpf/include/socket_goroutine.h.
const (
	toldRoute = iota
	toldCall
	toldMethod
)

const unknownSize = 1<<32 - 1

// viewSummary casts a record onto its struct, without the target if that is not
// there, and fills to. It returns nil when it is no summary.
func viewSummary(raw []byte, to *stream.Summary) *objectSummary {
	if len(raw) != summarySize && len(raw) != summarySize+targetSize {
		return nil
	}
	r := (*objectSummary)(unsafe.Pointer(unsafe.SliceData(raw)))
	target := raw[summarySize:]
	if r.Minor > 9 || r.Method == 0 || r.End < r.Start || int(r.TargetLen) > len(target) {
		return nil
	}
	*to = stream.Summary{
		Start: r.Start, End: r.End, Target: target[:r.TargetLen], RequestSize: int64(r.RequestSize), ResponseSize: int64(r.ResponseSize),
		Status: r.Status, Method: stream.Method(r.Method), Minor: r.Minor, Route: r.Route,
	}
	if r.ResponseSize == unknownSize {
		to.ResponseSize = -1
	}
	return r
}

// connOf gives the connection that a record, a summary or a tally is of, which all begin with.
func connOf(raw []byte) (id uint64, ok bool) {
	if len(raw) < summarySize {
		return 0, false
	}
	return *(*uint64)(unsafe.Pointer(unsafe.SliceData(raw))), true
}

// view casts a record onto its struct and returns the captured bytes behind
// it, or false when the record is too short for what it says it holds.
func view(raw []byte) (*objectRec, []byte, bool) {
	if len(raw) < recSize {
		return nil, nil, false
	}
	r := (*objectRec)(unsafe.Pointer(unsafe.SliceData(raw)))
	if int(r.Nsegs) > len(r.Segs) {
		return nil, nil, false
	}
	data := raw[recSize:]
	var caps uint64
	for i := range r.Segs[:r.Nsegs] {
		s := &r.Segs[i]
		caps += uint64(s.Cap)
		if uint64(s.Cap) > s.Len || s.Len > 1<<40 || s.Dir > 1 || s.LastLen > 8 {
			return nil, nil, false
		}
	}
	if caps > uint64(len(data)) {
		return nil, nil, false
	}
	return r, data, true
}

// address gives an end of the connection, without the IPv6 form of IPv4.
func address(family uint16, a *[16]byte, port uint16) netip.AddrPort {
	switch family {
	case afInet:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(a[:4])), port)
	case afInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(*a).Unmap(), port)
	}
	return netip.AddrPort{}
}

// fill copies a segment's description. The next s.Cap bytes of data are its own.
func fill(to *stream.Segment, s *objectSeg, data []byte) (rest []byte) {
	*to = stream.Segment{
		Dir: stream.Direction(s.Dir),
		Segment: segment.Segment{
			Data:    data[:s.Cap],
			Len:     int64(s.Len),
			Last:    s.Last,
			LastLen: s.LastLen,
			Start:   s.Start,
			End:     s.End,
			Tag: segment.Tag{
				TID: s.Tid, Seq: s.Seq, Decided: segment.Decision(s.Decided), Route: s.Route,
				Parent: segment.Ref{Conn: s.ParentConn, Seq: s.ParentSeq, Goroutine: s.Goroutine == 1, Writer: s.Goroutine == 2},
			},
		},
	}
	return data[s.Cap:]
}
