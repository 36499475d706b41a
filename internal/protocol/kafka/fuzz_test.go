// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"testing"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment/segmenttest"
)

// FuzzParser reads script as what happens to a connection. Whatever comes, nothing panics,
// requests are conserved, and memory stays bounded; and where all was understood in one piece,
// pieces give the same.
func FuzzParser(f *testing.F) {
	f.Add([]byte("\x00\xff\x01\xff"), []byte(produce(1, 1, 3)+produce(2, 0, 1)), []byte(produced(1, 0)))
	f.Add([]byte("\x00\x05\x00\xff\x01\x09\x01\xff"), []byte(request(Metadata, 12, 5, "\x00\x00\x00")), []byte(response(5, "\x00\x00\x00\x00\x00\x01\x00\x00")))
	f.Add([]byte("\x00\xff\x01\xff\x00\xff\x01\xff"), []byte(request(SaslHandshake, 0, 1, "\x00\x05PLAIN")+sized("token")+produce(2, 1, 4)), []byte(response(1, "\x00\x00")+sized("")+produced(2, 9)))
	for _, path := range []string{"kgo-3", "kgo-7", "kcat-2", "versions-1"} {
		var streams [2]string
		for _, e := range segmenttest.Read(f, "testdata/captures/"+path+".txt") {
			if len(streams[e.Dir]) < 4<<10 {
				streams[e.Dir] += e.Bytes
			}
		}
		f.Add([]byte("\x00\xff\x01\xff\x00\xff\x01\xff\x10\xff\x11\xff\x00\xff\x01\xff\x00\xff\x01\xff"), []byte(streams[0]), []byte(streams[1]))
	}
	f.Fuzz(func(t *testing.T, script, req, resp []byte) {
		c := newConn(t, Options{TraceContext: true, MaxPipeline: 8, MaxTopics: 3, MaxContexts: 2})
		c.Script(script, req, resp)
		if len(c.p.q.ring) > 16 || c.p.q.bytes > queuedBytes+2*maxUnit {
			t.Fatalf("ring of %d, %d bytes", len(c.p.q.ring), c.p.q.bytes)
		}
		c.result()
		events := []segmenttest.Event{{Dir: segment.Request, Bytes: string(req)}, {Dir: segment.Response, Bytes: string(resp)}}
		a, b := newConn(t, Options{TraceContext: true}), newConn(t, Options{TraceContext: true})
		if len(req) == 0 || len(resp) == 0 {
			return
		}
		a.p.Opened()
		b.p.Opened()
		a.Play(events, segmenttest.Cut{})
		want := a.result()
		if s := a.cfg.Stats(); s.SkippedBytes+s.UndecodableRequests+s.UndecodableResponses+s.OrphanResponses+s.Drops() == 0 {
			b.Play(events, segmenttest.Cut{Piece: segmenttest.Limit(1)})
			if got := b.result(); got != want {
				t.Fatalf("whole:\n%s\nbyte by byte:\n%s", want, got)
			}
		}
	})
}

func FuzzRecognize(f *testing.F) {
	f.Add([]byte(produce(1, 1, 3)))
	f.Add([]byte("\x00\x00\x00\x40\x00\x00\x00\x00\x00\x00\x09\x00\x00\x00\x00\x00\x0b\x00\x00\x01\x00"))
	f.Add([]byte("\x00\x00\x00\x40\x00\x00\x00\x00\x00\x00\x00\x00\x00\x09\x00\x00\x00\x00\x00\x0b\x00\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, v := Recognize(b); v != segment.No { // then no shorter prefix is refused
			for n := range b {
				if _, w := Recognize(b[:n]); w == segment.No {
					t.Fatalf("%q is refused, %q is not", b[:n], b)
				}
			}
		}
	})
}
