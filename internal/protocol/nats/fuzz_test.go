// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package nats

import (
	"testing"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment/segmenttest"
)

// FuzzParser plays a script of segments, holes and ends. Whatever comes, nothing panics,
// messages are conserved, and memory stays bounded.
func FuzzParser(f *testing.F) {
	f.Add([]byte("\x00\xff\x01\xff\x00\xff"), []byte(connect+"PUB a 5\r\nhello\r\nHPUB c 99 104\r\n"+headers+"hello\r\n"), []byte(greeting+"MSG x 1 3\r\nabc\r\n"))
	f.Add([]byte("\x00\x20\x10\x30\x00\x09\x01\xff"), []byte("SUB a.* q 1\r\nPUB a b 9\r\n123456789\r\nUNSUB 1\r\n"), []byte("MSG a.x 1 r 3\r\nabc\r\n-ERR 'x'\r\n+OK\r\nPING\r\n"))
	f.Fuzz(func(t *testing.T, script, req, resp []byte) {
		c := &conn{t: t, cfg: NewConfig(Options{MaxLine: 64, MaxHeaders: 32, MaxSubscriptions: 4})}
		c.p = c.cfg.NewParser(func(*Message) { c.all = append(c.all, seen{}) })
		player := segmenttest.Player{Parser: c.p, Check: c.conserve}
		player.Script(script, req, resp)
		for d := range c.p.flow {
			if n := cap(c.p.flow[d].buf) + cap(c.p.flow[d].hdr); n > 1024 || len(c.p.subs) > 4 {
				t.Fatalf("%d bytes, %d subscriptions", n, len(c.p.subs))
			}
		}
		if c.p.Pending() != 0 {
			t.Fatalf("%d messages pending after Close", c.p.Pending())
		}
	})
}

func FuzzRecognize(f *testing.F) {
	f.Add([]byte("PUB a 5\r\nhello\r\n"))
	f.Add([]byte(greeting))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, v := Recognize(b); v != No { // then no shorter prefix is refused
			for n := range b {
				if _, w := Recognize(b[:n]); w == No {
					t.Fatalf("%q is refused, %q is not", b[:n], b)
				}
			}
		}
	})
}
