// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package memcached

import (
	"strings"
	"testing"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment/segmenttest"
)

// FuzzParser reads script as a list of events: an operation byte, a length byte, and bytes
// taken from the two streams. Whatever comes, nothing panics, commands are conserved, and
// memory stays bounded.
func FuzzParser(f *testing.F) {
	f.Add([]byte("\x00\xff\x01\xff"), []byte("get k\r\nset k 0 0 1\r\nv\r\n"), []byte("VALUE k 0 1\r\nv\r\nEND\r\nSTORED\r\n"))
	f.Add([]byte("\x00\x05\x00\xff\x01\x09\x01\xff"), []byte("mg a v q O1\r\nmg b q k\r\nms c 1 q\r\nx\r\nmn\r\n"), []byte("VA 1 O1\r\nx\r\nHD kb\r\nMN\r\n"))
	f.Add([]byte("\x00\xff\x01\x10\x21\x20\x00\xff\x01\xff"), []byte(bin(0xd, 0, "", "k", "")+bin(1, 1, "12345678", "k", "v")+bin(0xa, 2, "", "", "")),
		[]byte(reply(0xd, 0, 0, "1234", "k", "v")+reply(1, 0, 1, "", "", "")+reply(0xa, 0, 2, "", "", "")))
	f.Add([]byte("\x00\xff\x01\xff\x00\xff\x01\xff"), []byte("stats\r\nincr n 1 noreply\r\ntouch k 1\nnosuch\r\nwatch\r\n"), []byte("STAT a b\r\nEND\r\nTOUCHED\r\nERROR\r\nOK\r\nx\r\n"))
	f.Fuzz(func(t *testing.T, script, req, resp []byte) {
		c := newConn(t, Options{Keys: true, MaxPipeline: 8, MaxKeys: 2})
		player := segmenttest.Player{Parser: c.p, Check: c.check}
		player.Script(script, req, resp)
		if c.p.Pending() != 0 {
			t.Fatalf("%d commands pending after Close", c.p.Pending())
		}
		// Whole, in order: the client's stream first, then the server's.
		a, b := newConn(t, Options{}), newConn(t, Options{})
		ev := []event{{Dir: Request, Bytes: string(req)}, {Dir: Response, Bytes: string(resp)}}
		a.play(ev, whole, whole)
		if s := a.cfg.Stats(); s.SkippedBytes+s.UndecodableRequests+s.UndecodableResponses+s.OrphanResponses+s.Mismatches+s.Drops() == 0 && !a.p.Done() {
			b.play(ev, func(int) int { return 1 }, whole)
			if strings.Join(a.got, "\n") != strings.Join(b.got, "\n") && b.cfg.Stats().SkippedBytes == 0 {
				t.Fatalf("whole:\n%s\nbyte by byte:\n%s", strings.Join(a.got, "\n"), strings.Join(b.got, "\n"))
			}
		}
	})
}

func FuzzRecognize(f *testing.F) {
	f.Add([]byte("get k\r\n"))
	f.Add([]byte("VALUE k 0 1\r\n"))
	f.Add(packet(0, 1, "", "k", ""))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, v := Recognize(b)
		if v != No { // then no shorter prefix is refused
			for n := range b {
				if _, w := Recognize(b[:n]); w == No {
					t.Fatalf("%q is refused, %q is not", b[:n], b)
				}
			}
		}
	})
}
