// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package segmenttest

import "github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"

// Player gives conversations to a parser.
type Player struct {
	Parser segment.Parser
	// Now is the kernel time of the last call, in ns.
	Now uint64
	// Check is called after each segment. It may be nil.
	Check func()
}

// Cut is a way of capturing.
type Cut struct {
	// Piece is the length of the next segment of n bytes that are left, from 1 to n; nil
	// keeps the events whole.
	Piece func(n int) int
	// Prefix is how many bytes of a segment of n were captured; nil is all.
	Prefix func(n int) int
	// Last: the capture knows the last 8 bytes of each segment.
	Last bool
}

// Limit captures at most limit bytes of each segment.
func Limit(limit int) func(n int) int { return func(n int) int { return min(n, limit) } }

// Play gives the events to the parser, cut and captured as c says. The bytes of a segment are
// overwritten after the call for which they are valid.
func (p *Player) Play(events []Event, c Cut) {
	var data []byte
	for _, e := range events {
		if e.Bytes == "" {
			p.Parser.EOF(e.Dir, p.Now)
			p.check()
		}
		for b := e.Bytes; len(b) > 0; {
			n := len(b)
			if c.Piece != nil {
				n = c.Piece(n)
			}
			k := n
			if c.Prefix != nil {
				k = c.Prefix(n)
			}
			p.Now += 10
			data = append(data[:0], b[:k]...)
			s := segment.Segment{Data: data, Len: int64(n), Start: p.Now, End: p.Now + 1, Tag: segment.Tag{Seq: uint32(p.Now)}}
			if c.Last && k < n {
				s.LastLen = uint8(copy(s.Last[:], b[max(0, n-8):n]))
			}
			p.Parser.Segment(e.Dir, &s)
			for i := range data {
				data[i] = 'X'
			}
			p.check()
			b = b[n:]
		}
	}
}

func (p *Player) check() {
	if p.Check != nil {
		p.Check()
	}
}

// Script interprets bytes of a fuzzer as what happens to a connection: pairs of an operation
// and a length, with the bytes taken from the two streams. It closes the connection in the end.
func (p *Player) Script(script, request, response []byte) {
	streams := [2][]byte{request, response}
	for i := 0; i+1 < len(script); i += 2 {
		op, n := script[i], int(script[i+1])
		d := segment.Direction(op & 1)
		p.Now += 10
		switch op >> 1 & 7 {
		case 2:
			p.Now += uint64(n) * 1e9
			p.Parser.Idle(p.Now)
		case 3:
			if n > 240 {
				p.Parser.EOF(d, p.Now)
			}
		case 4:
			n = min(n, len(streams[d]))
			streams[d] = streams[d][n:]
			p.Parser.Skip(d, int64(n))
		case 5:
			if n > 250 {
				p.Parser.Close(segment.CloseReason(n&3+1), p.Now)
				p.Parser.Reset()
			}
		default:
			n = min(n, len(streams[d]))
			piece := streams[d][:n]
			streams[d] = streams[d][n:]
			s := segment.Segment{Data: piece, Len: int64(n), Start: p.Now, End: p.Now + 1}
			if op>>4&3 != 0 {
				s.Data = piece[:n*int(op>>4&3)/4]
				s.LastLen = uint8(copy(s.Last[:], piece[max(0, n-int(op>>6)*3):]))
			}
			if op>>6 == 3 {
				s.Len += 1 << 40
				s.LastLen = 0
			}
			p.Parser.Segment(d, &s)
		}
		p.check()
	}
	p.Parser.Close(segment.CloseReset, p.Now)
	p.check()
}
