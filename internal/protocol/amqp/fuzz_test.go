// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package amqp

import "testing"

// FuzzParser plays a script of segments, holes and ends. Whatever comes, nothing panics,
// messages are conserved, and memory stays bounded.
func FuzzParser(f *testing.F) {
	req := greeting + call(1, channelOpen, "\x00") + call(1, confirmSelect, "\x00") + publish(1, "x", "k", "id", "hello") + publish(1, "", "k", "", "")
	f.Add([]byte("\x00\xff\x01\xff\x00\xff"), []byte(req), []byte(ack(1, basicAck, 1, false)+deliver(1, "c", 1, "k", "xyz")+ack(1, basicNack, 2, true)))
	req = call(2, basicConsume, "\x00\x00"+short("q")+short("")+"\x00"+long("")) + call(2, basicGet, "\x00\x00"+short("q")+"\x00") + ack(2, basicAck, 9, true) + call(2, channelClose, "\x00\xc8")
	f.Add([]byte("\x00\xff\x11\x30\x01\x20\x21\x20\x01\xff"), []byte(req),
		[]byte(call(2, basicConsumeOK, short("c"))+deliver(2, "c", 1, "k", "")+call(2, basicGetOK, number(3)+"\x00"+short("x")+short("k")+"\x00\x00\x00\x00")+header(2, 1, "", context)+body(2, "x", 1)+call(2, basicGetEmpty, "\x00")))
	f.Fuzz(func(t *testing.T, script, req, resp []byte) {
		c := newConn(t)
		c.cfg.maxHeader, c.cfg.maxChannels, c.cfg.maxPending, c.cfg.maxQueues = 64, 4, 8, 4
		c.Script(script, req, resp)
		for d := range c.p.flow {
			if n := cap(c.p.flow[d].buf); n > 1024 || len(c.p.channels) > 4 || len(c.p.consumers) > 4 {
				t.Fatalf("%d bytes, %d channels, %d consumers", n, len(c.p.channels), len(c.p.consumers))
			}
		}
		if c.p.Pending() != 0 || c.p.waiting != 0 {
			t.Fatalf("%d messages pending after Close, %d wait", c.p.Pending(), c.p.waiting)
		}
	})
}

func FuzzRecognize(f *testing.F) {
	f.Add([]byte(greeting))
	f.Add([]byte(publish(1, "x", "k", "id", "hello")))
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
