// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package mongodb

import (
	"strings"
	"testing"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment/segmenttest"
)

// FuzzParser: whatever comes in whatever pieces, nothing panics, requests are conserved,
// memory stays bounded, and the pieces do not matter.
func FuzzParser(f *testing.F) {
	f.Add([]byte("\x00\xff\x01\xff"), []byte(msg(1, 0, 0, doc{"find", "a", "$db", "x"})), []byte(msg(2, 1, 0, doc{"cursor", doc{"firstBatch", array{doc{}}, "id", int64(1)}, "ok", 1.0})))
	f.Add([]byte("\x00\x1f\x00\xff\x01\x09\x01\xff"), []byte(msg(1, 0, 3, doc{"insert", "a"}, sequence("documents", doc{"a", 1}))+compressed(2, 0, 9)), []byte(compressed(3, 2, 9)))
	f.Add([]byte("\x10\xff\x11\x10\x21\x20\x00\xff\x01\xff"), []byte(query(1, "x.$cmd", doc{"hello", 1})+query(2, "x.y", doc{})), []byte(replyMsg(3, 1, 0, doc{"ok", 0, "code", 5})+replyMsg(4, 2, 2, doc{"$err", "x"})))
	f.Fuzz(func(t *testing.T, script, req, resp []byte) {
		c := newConn(t, Options{MaxPipeline: 8})
		player := segmenttest.Player{Parser: c.p, Check: c.check}
		player.Script(script, req, resp)
		if c.p.Pending() != 0 {
			t.Fatalf("%d requests pending after Close", c.p.Pending())
		}
		ev := []event{{Dir: Request, Bytes: string(req)}, {Dir: Response, Bytes: string(resp)}}
		a, whole := subject(t)
		a.p.Opened()
		whole.Play(ev, segmenttest.Cut{})
		b, pieces := subject(t)
		b.p.Opened()
		pieces.Play(ev, segmenttest.Cut{Piece: func(int) int { return 1 }})
		if s := a.cfg.Stats(); s.UndecodableRequests+s.UndecodableResponses > 0 {
			return // what follows depends on where segments begin
		}
		if x, y := whole.Result(), pieces.Result(); x != y {
			t.Fatalf("whole:\n%s\nbyte by byte:\n%s", x, y)
		}
	})
}

func FuzzRecognize(f *testing.F) {
	for _, s := range []string{msg(1, 0, 0, doc{"find", "a"}), msg(1, 2, 0, doc{"ok", 1}), query(1, "a.$cmd", doc{"a", 1}), compressed(1, 2, 3), replyMsg(1, 2, 0, doc{"a", 1})} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, v := Recognize(b)
		if v == No {
			return
		}
		for n := range b { // then no shorter prefix is refused
			if _, w := Recognize(b[:n]); w == No {
				t.Fatalf("%q is refused, %q is not", b[:n], b)
			}
		}
	})
}

func TestRecognize(t *testing.T) {
	for _, c := range []struct {
		b string
		d Direction
		v Verdict
	}{
		{msg(1, 0, 0, doc{"find", "a"}), Request, Yes},
		{msg(1, 2, 0, doc{"ok", 1.0}), Response, Yes},
		{msg(1, 2, 0, doc{"cursor", doc{}}), Response, Yes},
		{frameOf(1, 0, opMsg, le32(0)+sequence("documents", doc{})+"\x00"+bson(doc{})), Request, Yes},
		{query(1, "admin.$cmd", doc{"hello", 1}), Request, Yes},
		{replyMsg(1, 2, 8, doc{"ismaster", true}), Response, Yes},
		{compressed(1, 0, 5), Request, Yes},
		{compressed(1, 2, 5), Response, Yes},
		{msg(1, 0, 0, doc{"find", "a"})[:20], Request, NeedMore},
		{"", Request, NeedMore},
		{frameOf(1, 0, opMsg, le32(0xff00)+"\x00"+bson(doc{"find", 1})), Request, No},
		{frameOf(1, 0, opReply, strings.Repeat("\x00", 40)), Request, No},
		{frameOf(1, 0, 2013, "x"), Request, No},
		{"GET / HTTP/1.1\r\n\r\n", Response, No},
		{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03abcdefghijklmnopqrstuvwxyz", Request, No},
		{"SSH-2.0-OpenSSH_9.2\r\n", Response, No},
	} {
		d, v := Recognize([]byte(c.b))
		if v != c.v || v != No && d != c.d {
			t.Errorf("%.30q: %v %v", c.b, d, v)
		}
	}
}
