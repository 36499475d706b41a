// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"math/rand/v2"
	"testing"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment/segmenttest"
)

// FuzzParser reads script as a list of events: an operation byte, a length byte, and bytes
// taken from the two streams. Whatever comes, nothing panics, requests are conserved, and
// memory stays bounded.
func FuzzParser(f *testing.F) {
	for name := range captures {
		var in [2][]byte
		for _, e := range segmenttest.Read(f, "testdata/captures/"+name+".txt") {
			in[e.Dir] = append(in[e.Dir], e.Bytes...)
		}
		if len(in[0])+len(in[1]) < 4000 {
			f.Add([]byte("\x00\xff\x01\xff\x20\x80\x31\x80\x00\xff\x01\xff"), in[0], in[1])
		}
	}
	for seed := range uint64(4) {
		ev, _ := dialogue(rand.New(rand.NewPCG(seed, 1)), 4)
		var in [2][]byte
		for _, e := range ev {
			in[e.Dir] = append(in[e.Dir], e.Bytes...)
		}
		f.Add([]byte("\x00\xff\x01\xff\x00\x40\x11\x90\x08\x20\x00\xff\x01\xff\x09\x30\x01\xff\x04\x00\x07\xff\x00\xff\x0b\xff"), in[0], in[1])
	}
	f.Fuzz(func(t *testing.T, script, req, resp []byte) {
		c := newConn(t, Options{MaxHeader: 1024, MaxStreams: 8, RequestHeaders: []string{"cookie"}, ResponseHeaders: []string{"server"}, GRPCMessage: true})
		if len(script) > 0 && script[0] == 0xee {
			c.p.Upgrade(&Exchange{Method: []byte("GET")})
			script = script[1:]
		}
		player := segmenttest.Player{Parser: c.p, Check: c.check}
		player.Script(script, req, resp)
		if c.p.Pending() != 0 {
			t.Fatalf("%d pending after Close", c.p.Pending())
		}

		// Whole, then byte by byte: the same, unless there is nothing to take up in mid-way.
		a, b := newConn(t, Options{}), newConn(t, Options{})
		ev := []event{{Dir: Request, Bytes: preface + string(req)}, {Dir: Response, Bytes: string(resp)}}
		for _, e := range ev {
			if e.Bytes != "" {
				a.play([]event{e}, whole, whole)
				b.play([]event{e}, func(int) int { return 1 }, whole)
			}
		}
		if s := b.cfg.Stats(); s.SkippedBytes == 0 && a.cfg.Stats().SkippedBytes == 0 && len(a.got) != len(b.got) {
			t.Fatalf("whole:\n%v\nbyte by byte:\n%v", a.got, b.got)
		}
	})
}

func FuzzRecognize(f *testing.F) {
	f.Add([]byte(preface))
	f.Add([]byte("\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00d"))
	f.Add([]byte(newPeer().headers(7, true, ":status=200", "server=x").take()))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, v := Recognize(b)
		if d > Response || v > Yes {
			t.Fatal(d, v)
		}
		for i := range b { // what a start might be, it still might be with fewer bytes
			if _, w := Recognize(b[:i]); v == Yes && w == No {
				t.Fatalf("%x is HTTP/2, its first %d bytes are not", b, i)
			}
		}
	})
}
