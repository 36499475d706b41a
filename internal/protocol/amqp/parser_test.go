// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package amqp

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment/segmenttest"
)

const context = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// opening is what passes before a client publishes.
func opening(c *conn) {
	c.whole(Request, greeting)
	c.whole(Response, call(0, connectionStart, "\x00\x09"+long("")+long("PLAIN")+long("en_US")))
	c.whole(Request, call(0, connectionStartOK, long("")+short("PLAIN")+long("\x00guest\x00secret word")+short("en_US")))
	c.whole(Request, call(1, channelOpen, "\x00"))
}

func TestPublish(t *testing.T) {
	c := newConn(t)
	opening(c)
	c.whole(Request, publish(1, "", "q", "7", "hello")+publish(1, "shop", "a.b", "", ""))
	c.whole(Request, call(2, basicPublish, "\x00\x00"+short("x")+short("y")+"\x00")+header(2, 3, "", context)+body(2, "abc", 2))
	assert.Equal(t, []string{
		"publish passed /q id=7 tag=0 size=5", "publish passed shop/a.b tag=0 size=0", "publish passed x/y trace=" + context + " tag=0 size=3",
	}, c.take())
	c.close(CloseNormal)
	assert.Zero(t, c.cfg.Stats().Drops()+c.cfg.Stats().Undecodable)
}

func TestConfirms(t *testing.T) {
	c := newConn(t)
	opening(c)
	c.whole(Request, call(1, confirmSelect, "\x00"))
	c.whole(Response, call(1, confirmSelectOK, ""))
	for _, key := range []string{"1", "2", "3", "4", "5", "6"} {
		c.whole(Request, publish(1, "", key, "", "x"))
	}
	assert.Empty(t, c.take())
	c.whole(Response, ack(1, basicAck, 2, false))
	assert.Equal(t, []string{"publish confirmed /2 tag=2 size=1"}, c.take())
	c.whole(Response, ack(1, basicAck, 3, true)+ack(1, basicNack, 5, false)+ack(1, basicAck, 99, false))
	assert.Equal(t, []string{"publish confirmed /1 tag=1 size=1", "publish confirmed /3 tag=3 size=1", "publish refused /5 tag=5 size=1"}, c.take())
	c.whole(Response, call(1, channelClose, "\x01\x94"+short("NOT_FOUND")+"\x00\x00\x00\x00"))
	assert.Equal(t, []string{"publish failed /4 tag=4 size=1 code=404", "publish failed /6 tag=6 size=1 code=404"}, c.take())
	c.whole(Request, call(1, channelOpen, "\x00")+publish(1, "", "7", "", "x")+call(1, confirmSelect, "\x00")+publish(1, "", "8", "", "x"))
	c.close(CloseReset)
	assert.Equal(t, []string{"publish passed /7 tag=0 size=1", "publish no confirm /8 tag=1 size=1"}, c.take())
}

func TestConsume(t *testing.T) {
	c := newConn(t)
	opening(c)
	c.whole(Request, call(1, basicConsume, "\x00\x00"+short("orders")+short("")+"\x00"+long("")))
	c.whole(Response, call(1, basicConsumeOK, short("ctag1"))+deliver(1, "ctag1", 1, "a", strings.Repeat("x", 2500))+deliver(1, "other", 2, "b", ""))
	c.whole(Request, ack(1, basicAck, 2, true))
	c.whole(Request, call(1, basicGet, "\x00\x00"+short("rest")+"\x00"))
	c.whole(Response, call(1, basicGetOK, number(3)+"\x00"+short("shop")+short("k")+"\x00\x00\x00\x00")+header(1, 1, "", "")+body(1, "x", 10))
	c.whole(Request, call(1, basicGet, "\x00\x00"+short("rest")+"\x00"))
	c.whole(Response, call(1, basicGetEmpty, "\x00"))
	c.whole(Response, call(1, basicReturn, "\x01\x38"+short("NO_ROUTE")+short("")+short("z"))+header(1, 1, "", "")+body(1, "x", 10))
	c.whole(Response, deliver(1, "ctag1", 6, "c", ""))
	assert.Equal(t, []string{
		"deliver passed /a queue=orders tag=1 size=2500", "deliver passed /b tag=2 size=0", "get passed shop/k queue=rest tag=3 size=1",
		"get empty / queue=rest tag=0 size=-1", "deliver passed /c queue=orders tag=6 size=0",
	}, c.take())
	st := c.cfg.Stats()
	assert.EqualValues(t, 2, st.DropHiddenDeliveries, "4 and 5")
	assert.EqualValues(t, 1, st.Returns)
	assert.EqualValues(t, 1, st.Settlements)
	assert.EqualValues(t, 1, st.UnknownQueues)
	c.close(CloseNormal)
}

// Channels share the connection frame by frame.
func TestInterleaved(t *testing.T) {
	c := newConn(t)
	one := []string{call(1, basicPublish, "\x00\x00"+short("")+short("one")+"\x00"), header(1, 4, "", ""), frame(frameBody, 1, "ab"), frame(frameBody, 1, "cd")}
	two := []string{call(2, basicPublish, "\x00\x00"+short("")+short("two")+"\x00"), header(2, 4, "", ""), frame(frameBody, 2, "ab"), frame(frameBody, 2, "cd")}
	var b strings.Builder
	for i := range one {
		b.WriteString(one[i] + frame(frameHeartbeat, 0, "") + two[i])
	}
	c.whole(Request, b.String())
	assert.Equal(t, []string{"publish passed /one tag=0 size=4", "publish passed /two tag=0 size=4"}, c.take())
	c.close(CloseNormal)
}

// A body that was not captured costs nothing, over any number of frames.
func TestHolesInBodies(t *testing.T) {
	for _, captured := range []int{60, 100, 1000, 1100} {
		c := newConn(t)
		big := publish(1, "", "big", "1", strings.Repeat("evil\xce\x01\x00\x01", 1000))
		for i := range 3 {
			for b := big; b != ""; {
				n := min(len(b), 3000)
				k := captured
				if len(b) != len(big) {
					k = i * 10
				}
				c.send(Request, b[:n], k)
				b = b[n:]
			}
		}
		c.whole(Request, publish(1, "", "small", "2", "x"))
		assert.Equal(t, []string{
			"publish passed /big id=1 tag=0 size=8000", "publish passed /big id=1 tag=0 size=8000", "publish passed /big id=1 tag=0 size=8000",
			"publish passed /small id=2 tag=0 size=1",
		}, c.take(), "%d captured", captured)
		assert.Zero(t, c.cfg.Stats().Gaps)
		c.close(CloseNormal)
	}
}

// What a hole hides is counted where numbers tell of it.
func TestHolesOverMessages(t *testing.T) {
	c := newConn(t)
	opening(c)
	c.whole(Request, call(1, confirmSelect, "\x00"))
	var b strings.Builder
	for range 10 {
		b.WriteString(publish(1, "", "k", "", "xyz"))
	}
	c.send(Request, b.String(), b.Len()/2+25)
	c.whole(Request, publish(1, "", "after", "", ""))
	c.whole(Response, ack(1, basicAck, 11, true))
	got := c.take()
	assert.Len(t, got, 7)
	st := c.cfg.Stats()
	assert.EqualValues(t, 4, st.DropHiddenPublishes)
	b.Reset()
	for i := range 10 {
		b.WriteString(deliver(1, "c", uint64(i+1), "k", "xyz"))
	}
	c.send(Response, b.String(), b.Len()/2+25)
	c.whole(Response, deliver(1, "c", 11, "k", "xyz"))
	assert.Len(t, c.take(), 7)
	assert.EqualValues(t, 4, st.DropHiddenDeliveries)
	c.whole(Request, ack(1, basicAck, 13, true))
	c.close(CloseNormal)
	assert.EqualValues(t, 6, st.DropHiddenDeliveries, "12 and 13 were acknowledged")
}

// Wherever observation begins, no message is invented.
func TestJoin(t *testing.T) {
	all := publish(1, "", "first", "", "\xce\x01\x00\x01") + publish(2, "", "second", "", "") + frame(frameHeartbeat, 0, "") + publish(1, "", "third", "", "x")
	for i := range all {
		c := newConn(t)
		c.whole(Request, all[i:])
		for _, s := range c.all {
			assert.Regexp(t, "^publish passed /(first|second|third) ", s)
		}
		if i <= len(all)-len(publish(1, "", "third", "", "x")) {
			assert.Contains(t, c.all[len(c.all)-1], "third", "from %d", i)
		}
		c.close(CloseNormal)
	}
}

func TestGarbage(t *testing.T) {
	for _, b := range []string{
		"\x01\x00\x01\xff\xff\xff\xff\x00", "\x01\x00\x01\x00\x00\x00\x02ab\xce", "\x09\x00\x00\x00\x00\x00\x00\xce", "AMQP\x00\x01\x00\x00",
		frame(frameMethod, 1, "\x00\x3c\x00\x28\x00"), frame(frameBody, 1, "x"), frame(frameContent, 1, "\x00\x00"), "GET / HTTP/1.1\r\n\r\n",
		call(1, basicPublish, "\x00\x00"+short("a")+short("b")+"\x00") + frame(frameContent, 1, "\x00\x3c\x00\x00"+number(1<<63)+"\x00\x00"),
		"\x03\x00\x01\x7f\xff\xff\xffxxx", "\xce\xce\xce\xce",
	} {
		c := newConn(t)
		c.whole(Request, greeting)
		for range 3 {
			c.whole(Request, b)
		}
		assert.LessOrEqual(t, cap(c.p.flow[Request].buf), 8<<10)
		c.close(CloseNormal)
		c.p.Reset()
		c.whole(Request, greeting+publish(1, "", "q", "", "x"))
		assert.Equal(t, "publish passed /q tag=0 size=1", c.all[len(c.all)-1], "after %q", b)
	}
}

// No byte of a password is in any buffer, however its frame is cut.
func TestSecrets(t *testing.T) {
	b := call(0, connectionStartOK, long("")+short("PLAIN")+long("\x00guest\x00secret word")+short("en_US"))
	for i := range b {
		c := newConn(t)
		c.whole(Request, greeting)
		c.whole(Request, b[:i])
		c.whole(Request, b[i:])
		c.whole(Request, publish(1, "", "q", "", "x"))
		assert.Len(t, c.all, 1)
		f := &c.p.flow[Request]
		assert.False(t, bytes.Contains(f.buf[:cap(f.buf)], []byte("secret")), "cut at %d", i)
	}
}

func TestEveryCut(t *testing.T) {
	b := greeting + call(1, channelOpen, "\x00") + publish(1, "shop", "k", "1", strings.Repeat("x", 300)) + call(1, confirmSelect, "\x00") +
		call(2, basicPublish, "\x00\x00"+short("x")+short("y")+"\x00") + header(2, 3, "", context) + body(2, "abc", 2) + publish(1, "", "k", "2", "")
	events := []segmenttest.Event{
		{Dir: Request, Bytes: b}, {Dir: Response, Bytes: ack(1, basicAck, 1, false) + deliver(1, "c", 1, "k", "xyz")}, {Dir: Request, Bytes: ack(1, basicAck, 1, false)},
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
