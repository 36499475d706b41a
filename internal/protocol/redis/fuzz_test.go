// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"strings"
	"testing"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment/segmenttest"
)

// FuzzParser reads script as a list of events: an operation byte, a length byte, and bytes
// taken from the two streams. Whatever comes, nothing panics, commands are conserved, and
// memory stays bounded.
func FuzzParser(f *testing.F) {
	f.Add([]byte("\x00\xff\x01\xff"), []byte(cmd("GET k")+cmd("SET k v")), []byte("$1\r\nv\r\n+OK\r\n"))
	f.Add([]byte("\x00\x05\x00\xff\x01\x09\x01\xff"), []byte(cmd("MULTI")+cmd("GET k")+cmd("NO")+cmd("EXEC")), []byte("+OK\r\n+QUEUED\r\n-ERR\r\n-EXECABORT\r\n"))
	f.Add([]byte("\x00\xff\x01\x10\x21\x20\x00\xff\x01\xff"), []byte(cmd("MULTI")+cmd("GET k")+cmd("SUBSCRIBE a b")+cmd("EXEC")+"PING\r\n"),
		[]byte("+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n$1\r\nv\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n+PONG\r\n"))
	f.Add([]byte("\x00\xff\x01\xff\x00\xff\x01\xff"), []byte(cmd("CLIENT REPLY SKIP")+cmd("SELECT 1")+cmd("EVAL s 1 k")+"get \"a b\"\n"), []byte("|1\r\n+a\r\n_\r\n%1\r\n#t\r\n,1\r\n>1\r\n$2\r\nhi\r\n"))
	f.Fuzz(func(t *testing.T, script, req, resp []byte) {
		c := newConn(t, Options{Keys: true, MaxPipeline: 8, MaxKeys: 2, MaxKey: 8})
		player := segmenttest.Player{Parser: c.p, Check: c.check}
		player.Script(script, req, resp)
		if c.p.Pending() != 0 {
			t.Fatalf("%d commands pending after Close", c.p.Pending())
		}
		// Whole, in order: the client's stream first, then the server's.
		a, b := newConn(t, Options{}), newConn(t, Options{})
		ev := []event{{Dir: Request, Bytes: string(req)}, {Dir: Response, Bytes: string(resp)}}
		a.play(ev, whole, whole)
		if s := a.cfg.Stats(); s.SkippedBytes+s.UndecodableRequests+s.UndecodableReplies+s.OrphanReplies+s.Mismatches+s.Drops() == 0 && !a.p.Done() {
			b.play(ev, func(int) int { return 1 }, whole)
			if strings.Join(a.got, "\n") != strings.Join(b.got, "\n") && b.cfg.Stats().SkippedBytes == 0 {
				t.Fatalf("whole:\n%s\nbyte by byte:\n%s", strings.Join(a.got, "\n"), strings.Join(b.got, "\n"))
			}
		}
	})
}

func FuzzRecognize(f *testing.F) {
	f.Add([]byte(cmd("GET k")))
	f.Add([]byte("%1\r\n$1\r\na\r\n"))
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
