// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http1

import (
	"strings"
	"testing"
)

// FuzzParser reads script as a list of events: an operation byte, a length byte, and bytes
// taken from the two streams. Whatever comes, nothing panics, requests are conserved, and
// memory stays bounded.
func FuzzParser(f *testing.F) {
	f.Add([]byte("\x00\xff\x01\xff"), []byte(get("/")), []byte(ok2))
	f.Add([]byte("\x00\x05\x00\xff\x01\x09\x01\xff"), []byte(get("/a")+get("/b")), []byte(okChunked+"5;x\r\nhello\r\n0\r\nT: v\r\n\r\n"+ok2))
	f.Add([]byte("\x00\x20\x12\x40\x01\x30\x21\x08\x00\xff\x01\xff"), []byte("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello"),
		[]byte("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 413 X\r\nContent-Length: 0\r\n\r\n"))
	f.Add([]byte("\x00\xff\x01\x50\x05\x10\x07\x00"), []byte("CONNECT h:1 HTTP/1.1\r\n\r\n"+get("/x")), []byte("HTTP/1.0 101\n\nHTTP/1.1 204\r\n\r\n"))
	f.Fuzz(func(t *testing.T, script, req, resp []byte) {
		c := newConn(t, Options{MaxHeader: 1024, MaxPipeline: 8, RequestHeaders: []string{"cookie"}, ResponseHeaders: []string{"server"}})
		var stream = [2][]byte{req, resp}
		for i := 0; i+1 < len(script); i += 2 {
			op, n := script[i], int(script[i+1])
			d := Direction(op & 1)
			c.now += 10
			switch op >> 1 & 7 {
			case 2:
				c.p.Idle(c.now)
			case 3:
				if n > 240 {
					c.p.EOF(d, c.now)
				}
			case 4:
				n = min(n, len(stream[d]))
				stream[d] = stream[d][n:]
				c.p.Skip(d, int64(n))
			case 5:
				if n > 250 {
					c.p.Close(CloseReason(n&3+1), c.now)
					c.p.Reset()
				}
			default:
				n = min(n, len(stream[d]))
				piece := stream[d][:n]
				stream[d] = stream[d][n:]
				s := Segment{Data: piece, Len: int64(n), Start: c.now, End: c.now + 1}
				if op>>4&3 != 0 {
					s.Data = piece[:n*int(op>>4&3)/4]
					s.LastLen = uint8(copy(s.Last[:], piece[max(0, n-int(op>>6)*3):]))
				}
				if op>>6 == 3 {
					s.Len += 1 << 40
					s.LastLen = 0
				}
				c.p.Segment(d, &s)
			}
			c.check()
			bounded(t, c)
		}
		c.p.Close(CloseReset, c.now)
		c.check()
		if c.p.Pending() != 0 {
			t.Fatalf("%d requests pending after Close", c.p.Pending())
		}
		// Whole, in order: the whole request stream first, then the response stream.
		a, b := newConn(t, Options{}), newConn(t, Options{})
		ev := []event{{Request, string(req)}, {Response, string(resp)}}
		a.play(ev, whole, whole, false)
		if s := a.cfg.Stats(); s.SkippedBytes+s.UndecodableRequests+s.UndecodableResponses+s.BadChunk+s.BadContentLength+
			s.BadTransferEncoding+s.OrphanResponses+s.Drops() == 0 && !a.p.Done() {
			b.play(ev, func(int) int { return 1 }, whole, false)
			if strings.Join(a.got, "\n") != strings.Join(b.got, "\n") && b.cfg.Stats().SkippedBytes == 0 {
				t.Fatalf("whole:\n%s\nbyte by byte:\n%s", strings.Join(a.got, "\n"), strings.Join(b.got, "\n"))
			}
		}
	})
}

func bounded(t *testing.T, c *conn) {
	t.Helper()
	m := c.cfg.maxHeader
	for i := range c.p.dir {
		if len(c.p.dir[i].buf) > m {
			t.Fatalf("%d bytes buffered", len(c.p.dir[i].buf))
		}
	}
	if c.p.q.n > c.cfg.maxPipeline || len(c.p.q.ring) > 2*c.cfg.maxPipeline {
		t.Fatalf("%d requests queued, ring of %d", c.p.q.n, len(c.p.q.ring))
	}
}
