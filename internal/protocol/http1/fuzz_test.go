// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http1

import (
	"strings"
	"testing"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment/segmenttest"
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
		player := segmenttest.Player{Parser: c.p, Check: func() { c.check(); bounded(t, c) }}
		player.Script(script, req, resp)
		if c.p.Pending() != 0 {
			t.Fatalf("%d requests pending after Close", c.p.Pending())
		}
		// Whole, in order: the whole request stream first, then the response stream.
		a, b := newConn(t, Options{}), newConn(t, Options{})
		ev := []event{{Dir: Request, Bytes: string(req)}, {Dir: Response, Bytes: string(resp)}}
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
