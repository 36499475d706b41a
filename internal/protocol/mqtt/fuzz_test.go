// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package mqtt

import "testing"

// FuzzParser plays a script of segments, holes and ends. Whatever comes, nothing panics,
// messages are conserved, and memory stays bounded.
func FuzzParser(f *testing.F) {
	f.Add([]byte("\x00\xff\x01\xff\x00\xff"), []byte(connect(version311)+send("a", 1, "hello")+send("b", 0, "x")+packet(0xc0, "")),
		[]byte(packet(ptConnack<<4, "\x00\x00")+packet(ptPuback<<4, id(1))+send("c", 7, "xyz")))
	f.Add([]byte("\x00\x20\x01\xff\x10\x30\x00\xff\x01\xff"), []byte(connect(version5)+packet(ptSubscribe<<4|2, id(1)+"\x00"+text("a/+")+"\x00")+send5("a", "\x23\x00\x01\x26"+text("traceparent")+text(context), "x")),
		[]byte(packet(ptConnack<<4, "\x00\x00\x00")+send5("a/b", "\x23\x00\x01", "x")+send5("", "\x23\x00\x01", "x")+packet(ptPubrec<<4, id(2)+"\x97\x00")))
	f.Fuzz(func(t *testing.T, script, req, resp []byte) {
		c := newConn(t)
		c.cfg.maxHeader, c.cfg.maxPending, c.cfg.maxFilters, c.cfg.maxAliases = 64, 4, 4, 4
		c.Script(script, req, resp)
		for d := range c.p.flow {
			if n := cap(c.p.flow[d].buf); n > 1024 || len(c.p.filters) > 4 || len(c.p.flow[d].aliases) > 4 {
				t.Fatalf("%d bytes, %d filters, %d aliases", n, len(c.p.filters), len(c.p.flow[d].aliases))
			}
		}
		if c.p.Pending() != 0 {
			t.Fatalf("%d messages pending after Close", c.p.Pending())
		}
	})
}

func FuzzRecognize(f *testing.F) {
	f.Add([]byte(connect(version5)))
	f.Add([]byte(packet(ptConnack<<4, "\x00\x00\x00")))
	f.Add([]byte(send("a/b", 1, "x") + send("c", 0, "y")))
	f.Add([]byte(packet(ptPubrec<<4, id(1)) + packet(ptPubrel<<4|2, id(1))))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, v := Recognize(b)
		if v == Yes && b[0] != 0 {
			if _, ok := chain(d, versionUnknown, b, 1); !ok {
				t.Fatalf("%q is taken for a packet that cannot be", b)
			}
		}
		if Published(b) {
			_, request := chain(Request, versionUnknown, b, 1)
			_, response := chain(Response, versionUnknown, b, 1)
			if !request && !response {
				t.Fatalf("%q is taken for a packet that cannot be", b)
			}
		}
		for i := range min(len(b), 2*ackSize) {
			if Answered(b[:i], b[i:]) && (i != ackSize || len(b) < 2*ackSize || b[0] == b[i]) {
				t.Fatalf("%q is taken for the answer to %q", b[i:], b[:i])
			}
		}
	})
}
