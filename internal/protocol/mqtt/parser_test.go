// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package mqtt

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment/segmenttest"
)

const context = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func TestPublish(t *testing.T) {
	c := newConn(t).open(version311)
	c.whole(Request, send("a/b", 0, "hello")+send("c", 7, "xy")+send("d", 8, ""))
	assert.Equal(t, []string{"publish passed a/b qos=0 size=5"}, c.take())
	c.whole(Response, packet(ptPuback<<4, id(8))+packet(ptPuback<<4, id(7))+packet(ptPuback<<4, id(9)))
	assert.Equal(t, []string{"publish acknowledged d qos=1 size=0", "publish acknowledged c qos=1 size=2"}, c.take())
	assert.EqualValues(t, 1, c.cfg.Stats().OrphanAnswers)
	c.whole(Request, send("e", 7, "")+send("e", 7, "")+packet(0xc0, "")+packet(0xe0, ""))
	assert.Equal(t, []string{"publish passed e qos=1 size=0"}, c.take(), "its identifier came again")
	c.close(CloseReset)
	assert.Equal(t, []string{"publish no answer e qos=1 size=0"}, c.take())
	assert.Zero(t, c.cfg.Stats().Undecodable)
}

func TestExactlyOnce(t *testing.T) {
	c := newConn(t).open(version5)
	qos2 := func(topic string, n uint16) string { return packet(ptPublish<<4|4, text(topic)+id(n)+"\x00"+"xy") }
	c.whole(Request, qos2("a", 1)+qos2("b", 2))
	c.whole(Response, packet(ptPubrec<<4, id(1))+packet(ptPubrec<<4, id(2)+"\x97\x00"))
	assert.Equal(t, []string{"publish refused b qos=2 size=2 code=0x97"}, c.take())
	c.whole(Request, packet(ptPubrel<<4|2, id(1)))
	c.whole(Response, packet(ptPubcomp<<4, id(1)))
	assert.Equal(t, []string{"publish acknowledged a qos=2 size=2"}, c.take())
	c.close(CloseNormal)
}

func TestDeliver(t *testing.T) {
	c := newConn(t).open(version311)
	c.whole(Request, packet(ptSubscribe<<4|2, id(1)+text("room/+/temp")+"\x01"+text("$share/workers/jobs/#")+"\x01"+text("exact")+"\x00"+text("no/+")+"\x00"))
	c.whole(Request, packet(ptUnsubscribe<<4|2, id(2)+text("no/+")))
	c.whole(Response, packet(ptSuback<<4, id(1)+"\x01\x01\x00\x00")+send("room/1/temp", 5, "20")+send("jobs/a/b", 0, "x")+send("exact", 0, "x")+send("no/x", 0, "x"))
	c.whole(Request, packet(ptPuback<<4, id(5)))
	assert.Equal(t, []string{
		"deliver passed room/1/temp qos=1 size=2 filter=room/+/temp", "deliver passed jobs/a/b qos=0 size=1 filter=jobs/# group=workers",
		"deliver passed exact qos=0 size=1", "deliver passed no/x qos=0 size=1",
	}, c.take())
	assert.EqualValues(t, 1, c.cfg.Stats().Settlements)
	c.close(CloseNormal)
}

func TestProperties(t *testing.T) {
	c := newConn(t).open(version5)
	properties := "\x01\x01\x26" + text("traceparent") + text(context) + "\x26" + text("other") + text("x") + "\x03" + text("text/plain") + "\x23\x00\x05\x0b\x85\x01\x09" + text("\x00\x01")
	c.whole(Request, send5("a", properties, "xyz")+send5("", "\x23\x00\x05", "xyz")+send5("", "\x23\x00\x06", "xyz"))
	assert.Equal(t, []string{
		"publish passed a qos=0 size=3 trace=" + context, "publish passed a qos=0 size=3", "publish passed  qos=0 size=3",
	}, c.take())
	c.close(CloseNormal)
	// The same bytes, joined later: what is properties is not known.
	c = newConn(t)
	c.whole(Request, send5("a", properties, "xyz"))
	assert.Equal(t, []string{"publish passed a qos=0 size=-1"}, c.take())
	c.close(CloseNormal)
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		filter, topic string
		want          bool
	}{
		{"a/b", "a/b", true}, {"a/+", "a/b", true}, {"a/+", "a", false}, {"a/+", "a/b/c", false}, {"#", "a/b", true}, {"a/#", "a", true},
		{"a/#", "a/b/c", true}, {"+/+", "/b", true}, {"+", "/b", false}, {"#", "$SYS/a", false}, {"$SYS/#", "$SYS/a", true}, {"+/a", "$SYS/a", false},
	} {
		assert.Equal(t, c.want, matches([]byte(c.filter), []byte(c.topic)), c)
	}
}

// A payload that was not captured costs nothing, whatever is in it.
func TestHoles(t *testing.T) {
	c := newConn(t).open(version311)
	big := send("big", 0, strings.Repeat(send("evil", 0, "x"), 2000))
	c.send(Request, big, 20)
	c.send(Request, big[:7000], 20)
	c.send(Request, big[7000:], 100)
	c.whole(Request, send("small", 0, "x"))
	assert.Equal(t, []string{"publish passed big qos=0 size=18000", "publish passed big qos=0 size=18000", "publish passed small qos=0 size=1"}, c.take())
	assert.Zero(t, c.cfg.Stats().Gaps)
	three := send("one", 0, "x") + send("two", 0, "x") + send("three", 0, "x")
	c.send(Request, three, 10)
	c.whole(Request, "x"+three) // in the middle of anything
	assert.Equal(t, []string{"publish passed one qos=0 size=1", "publish passed  qos=0 size=-1 cut", "publish passed one qos=0 size=1", "publish passed two qos=0 size=1", "publish passed three qos=0 size=1"}, c.take())
	c.close(CloseNormal)
}

// Some servers read the fixed header byte by byte.
func TestPieces(t *testing.T) {
	c := newConn(t)
	pieces := func(d Direction, b string) {
		c.whole(d, b[:1])
		c.whole(d, b[1:2])
		if len(b) > 2 {
			c.whole(d, b[2:])
		}
	}
	c.whole(Request, connect(version311)[2:])
	c.whole(Response, packet(ptConnack<<4, "\x00\x00"))
	pieces(Request, send("a", 1, "0123456789"))
	pieces(Request, send("b", 0, "0123456789"))
	pieces(Request, packet(0xc0, ""))
	c.whole(Response, packet(ptPuback<<4, id(1)))
	assert.Equal(t, []string{"publish passed b qos=0 size=10", "publish acknowledged a qos=1 size=10"}, c.take())
	c.close(CloseNormal)
}

// Wherever observation begins, no message is invented.
func TestJoin(t *testing.T) {
	all := send("first", 0, "0123") + send("second", 9, "\x30\x00\x00") + packet(0xc0, "") + send("third", 0, "x") + send("fourth", 0, "x")
	for i := range all {
		c := newConn(t)
		c.p.version = version311
		c.whole(Request, all[i:])
		c.close(CloseShutdown)
		for _, s := range c.all {
			assert.Regexp(t, "^publish (passed|no answer) (first|second|third|fourth) ", s, "from %d", i)
		}
		if i <= strings.Index(all, "third")-4 {
			assert.Contains(t, strings.Join(c.all, "\n"), "fourth", "from %d", i)
		}
	}
}

func TestGarbage(t *testing.T) {
	for _, b := range []string{
		"\x30\xff\xff\xff\xff\x00", "\x30\xff\xff\xff\x7f\x00\x01a", "\x36\x05\x00\x01a\x00\x01", "\x30\x05\x00\x09abc", "\x30\x05\x00\x02\x01\x02x",
		"\x32\x05\x00\x01a\x00\x00", "\x00\x00", "\xff\xff", "\x82\x02\x00\x01", "GET / HTTP/1.1\r\n\r\n", "\x20\x02\x00\x00",
	} {
		c := newConn(t).open(version311)
		for range 3 {
			c.whole(Request, b)
		}
		assert.LessOrEqual(t, cap(c.p.flow[Request].buf), 8<<10)
		c.close(CloseNormal)
		c.p.Reset()
		c.open(version311)
		c.whole(Request, send("q", 0, "x"))
		assert.Equal(t, "publish passed q qos=0 size=1", c.all[len(c.all)-1], "after %q", b)
	}
}

// No byte of a password is in any buffer, however CONNECT is cut.
func TestSecrets(t *testing.T) {
	b := connect(version5)
	for i := range b {
		c := newConn(t)
		c.p.Opened()
		c.whole(Request, b[:i])
		c.whole(Request, b[i:])
		c.whole(Request, send5("q", "", "x"))
		assert.Equal(t, []string{"publish passed q qos=0 size=1"}, c.take(), "cut at %d", i)
		f := &c.p.flow[Request]
		assert.False(t, bytes.Contains(f.buf[:cap(f.buf)], []byte("secret")), "cut at %d", i)
	}
}

func TestEveryCut(t *testing.T) {
	events := []segmenttest.Event{
		{Dir: Request, Bytes: connect(version5)}, {Dir: Response, Bytes: packet(ptConnack<<4, "\x00\x00\x00")},
		{Dir: Request, Bytes: packet(ptSubscribe<<4|2, id(1)+"\x00"+text("a/+")+"\x00") + send5("a/b", "\x26"+text("traceparent")+text(context), strings.Repeat("x", 300))},
		{Dir: Request, Bytes: packet(ptPublish<<4|2, text("c")+id(2)+"\x00xyz") + packet(0xc0, "")},
		{Dir: Response, Bytes: packet(ptPuback<<4, id(2)+"\x10") + packet(0xd0, "") + send5("a/b", "\x23\x00\x01", "x") + send5("", "\x23\x00\x01", "y")},
		{Dir: Request, Bytes: packet(0xe0, "")},
	}
	open := func() *segmenttest.Subject {
		c := newConn(t)
		c.p.Opened()
		return &segmenttest.Subject{Player: c.Player, Result: func() string {
			c.close(CloseNormal)
			return strings.Join(c.all, "\n")
		}}
	}
	segmenttest.EveryCut(t, "made", events, open)
	segmenttest.RandomCaptures(t, events, 500, open, func(_ uint64, s *segmenttest.Subject) { s.Result() })
}
