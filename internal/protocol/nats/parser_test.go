// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package nats

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

const (
	context  = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	headers  = "NATS/1.0\r\nTraceparent: " + context + "\r\nNats-Msg-Id: 17\r\n\r\n"
	greeting = "INFO {\"server_id\":\"x\",\"headers\":true} \r\n"
	connect  = "CONNECT {\"user\":\"u\",\"pass\":\"secret word\"}\r\nPING\r\n"
)

func TestPublishes(t *testing.T) {
	c := newConn(t)
	c.whole(Response, greeting)
	c.whole(Request, connect)
	c.whole(Response, "PONG\r\n")
	c.whole(Request, "PUB a 5\r\nhello\r\npub b  _INBOX.1 0\r\n\r\nHPUB c 99 104\r\n"+headers+"hello\r\n")
	at := uint32(len(connect))
	assert.Equal(t, []seen{
		{subject: "a", size: 5, seq: at},
		{subject: "b", reply: "_INBOX.1", seq: at + 16},
		{subject: "c", size: 5, headers: int64(len(headers)), id: "17", trace: context, seq: at + 16 + 21},
	}, c.all)
	assert.Zero(t, c.cfg.Stats().Undecodable)
	c.close()
}

func TestDeliveries(t *testing.T) {
	c := newConn(t)
	c.whole(Response, greeting)
	c.whole(Request, "CONNECT {}\r\nSUB orders.* workers 1\r\nSUB x 2\r\nSUB y 3\r\nUNSUB 3\r\n")
	c.whole(Response, "MSG orders.eu 1 3\r\nabc\r\nMSG x 2 $JS.ACK.s.c.1 0\r\n\r\n-ERR 'Permissions Violation'\r\nMSG y 3 1\r\n1\r\n"+
		"HMSG x 2 16 16\r\nNATS/1.0 503\r\n\r\n\r\n")
	at := uint32(len(greeting))
	assert.Equal(t, []seen{
		{kind: Deliver, subject: "orders.eu", sub: "orders.*", queue: "workers", size: 3, seq: at},
		{kind: Deliver, subject: "x", reply: "$JS.ACK.s.c.1", sub: "x", seq: at + 24},
		{kind: Deliver, subject: "y", size: 1, seq: at + 24 + 26 + 31},
		{kind: Deliver, subject: "x", sub: "x", headers: 16, status: "503", seq: at + 24 + 26 + 31 + 14},
	}, c.all)
	assert.EqualValues(t, 1, c.cfg.Stats().ServerErrors)
	assert.EqualValues(t, 1, c.cfg.Stats().UnknownSubscriptions)
	c.close()
}

// A payload that was not captured costs nothing, whatever is in it.
func TestHoles(t *testing.T) {
	payload := strings.Repeat("PUB evil 3\r\nxyz\r\n", 1000)
	c := newConn(t)
	c.whole(Request, "CONNECT {}\r\n")
	c.send(Request, "PUB a 17000\r\n"+payload+"\r\n", 100)
	c.whole(Request, "PUB b 0\r\n\r\n")
	c.send(Request, "PUB c 17000\r\n"+payload[:5000], 100)
	c.send(Request, payload[5000:]+"\r\n", 0)
	c.send(Request, "PUB d 17000\r\n"+payload+"\r\nPUB e 2\r\nxx\r\nPUB f 2\r\nxx\r\n", 100)
	c.whole(Request, "xx\r\nPUB g 2\r\nxx\r\nPUB h 2\r\nxx\r\n")
	var got []string
	for _, s := range c.all {
		got = append(got, s.subject)
	}
	assert.Equal(t, []string{"a", "b", "c", "d", "g", "h"}, got)
	st := c.cfg.Stats()
	assert.EqualValues(t, 1, st.Gaps)
	assert.EqualValues(t, 2*len("PUB e 2\r\nxx\r\n"), st.GapBytes)
	c.close()
}

// Wherever observation begins, no message is invented.
func TestJoin(t *testing.T) {
	all := "PUB first 3\r\nabc\r\nPUB second 0\r\n\r\nPING\r\nPUB third 2\r\nxx\r\n"
	for i := range all {
		c := newConn(t)
		c.whole(Request, all[i:])
		for _, s := range c.all {
			assert.Contains(t, []string{"first", "second", "third"}, s.subject)
		}
		if i <= strings.Index(all, "PUB third")-2 {
			assert.Equal(t, "third", c.all[len(c.all)-1].subject, "from %d", i)
		}
		c.close()
	}
}

func TestGarbage(t *testing.T) {
	for _, b := range []string{
		"PUB a 99999999999\r\nx\r\n", "PUB a -1\r\n\r\n", "PUB a\r\n", "PUB  \r\n", "HPUB a 9 3\r\n\r\n", "\x00\x01\x02", "MSG a 1 1\r\nx\r\n",
		"PUB a 1\r\nxx\r\n", "PUB " + strings.Repeat("a", 10000), "PUB a 1\nx\n", "\r\n\r\n\r\n", "\x16\x03\x01\x02\x00\x01",
	} {
		c := newConn(t)
		c.whole(Request, "CONNECT {}\r\n")
		for range 3 {
			c.whole(Request, b)
		}
		assert.Empty(t, c.all, "%q", b)
		assert.LessOrEqual(t, cap(c.p.flow[Request].buf), 8<<10)
		c.close()
	}
}

func TestOtherConnections(t *testing.T) {
	c := newConn(t)
	c.whole(Request, greeting)
	c.whole(Request, "CONNECT {}\r\nRS+ $G foo\r\n")
	assert.True(t, c.p.Done())
	c = newConn(t)
	c.whole(Response, greeting)
	c.whole(Request, "\x16\x03\x01\x02\x00\x01")
	assert.True(t, c.p.Done())
}

// No byte of a password is in any buffer, however CONNECT is cut.
func TestSecrets(t *testing.T) {
	for i := range connect {
		c := newConn(t)
		c.whole(Request, connect[:i])
		c.whole(Request, connect[i:])
		c.whole(Request, "PUB a 0\r\n\r\n")
		assert.Len(t, c.all, 1)
		assert.NotContains(t, string(c.p.flow[Request].buf[:cap(c.p.flow[Request].buf)]), "secret", "cut at %d", i)
	}
}

// Messages that a hole hides are counted by their bytes: exactly, as they have one size.
func TestHidden(t *testing.T) {
	one := "PUB orders.eu 5\r\nhello\r\n"
	for _, first := range []int{0, 1, 5, len(one) - 3, len(one)} {
		for _, last := range []int{0, 1, 5, len(one) - 3} {
			c := newConn(t)
			c.p.Opened()
			const before, within, after = 3000, 1000, 3
			all := strings.Repeat(one, before+within+after)
			from, to := before*len(one)+first, (before+within)*len(one)+last
			c.whole(Request, all[:from])
			c.p.Skip(Request, int64(to-from))
			c.whole(Request, all[to:])
			c.close()
			st := c.cfg.Stats()
			assert.EqualValues(t, before+within+after, st.Emitted+st.Drops()+st.HiddenMessages, "from %d to %d: %+v", first, last, st)
			assert.EqualValues(t, 1, st.Gaps)
		}
	}
	// What is hidden up to the end of a connection counts as well, and no line without a message.
	c := newConn(t)
	c.p.Opened()
	c.whole(Request, one+one)
	c.p.Skip(Request, int64(len("PING\r\n")))
	c.whole(Request, one)
	assert.Zero(t, c.cfg.Stats().HiddenMessages)
	c.p.Skip(Request, int64(7*len(one)))
	c.p.EOF(Request, 1)
	assert.EqualValues(t, 7, c.cfg.Stats().HiddenMessages)
}
