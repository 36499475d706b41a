// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package mqtt

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment/segmenttest"
)

// packet makes a packet.
func packet(first byte, body string) string {
	b := []byte{first}
	for n := len(body); ; n >>= 7 {
		if n < 0x80 {
			return string(append(b, byte(n))) + body
		}
		b = append(b, byte(n)|0x80)
	}
}

func text(s string) string { return string(binary.BigEndian.AppendUint16(nil, uint16(len(s)))) + s }

func id(n uint16) string { return string(binary.BigEndian.AppendUint16(nil, n)) }

func connect(v version) string {
	properties := ""
	if v == version5 {
		properties = "\x00"
	}
	return packet(ptConnect<<4, text("MQTT")+string(rune(v))+"\xc2\x00\x3c"+properties+text("client")+text("me")+text("secret word"))
}

// send makes a PUBLISH of 3.1.1, with QoS 1 if it has an identifier.
func send(topic string, n uint16, payload string) string {
	if n == 0 {
		return packet(ptPublish<<4, text(topic)+payload)
	}
	return packet(ptPublish<<4|2, text(topic)+id(n)+payload)
}

// send5 makes a PUBLISH of 5.0.
func send5(topic, properties, payload string) string {
	return packet(ptPublish<<4, text(topic)+packet(0, properties)[1:]+payload)
}

// conn feeds a parser and keeps what it emits, as text.
type conn struct {
	segmenttest.Player
	t   testing.TB
	cfg *Config
	p   *Parser
	all []string
	at  [2]uint32
}

func newConn(t testing.TB) *conn {
	c := &conn{t: t, cfg: NewConfig(Options{})}
	c.p = c.cfg.NewParser(func(m *Message) {
		var s strings.Builder
		fmt.Fprintf(&s, "%v %v %s qos=%d size=%d", m.Kind, m.Outcome, m.Topic, m.QoS, m.Size)
		for _, part := range []struct {
			name string
			v    []byte
		}{{"filter", m.Filter}, {"group", m.Group}, {"trace", m.Traceparent}} {
			if part.v != nil {
				fmt.Fprintf(&s, " %s=%s", part.name, part.v)
			}
		}
		if m.Code != 0 {
			fmt.Fprintf(&s, " code=%#x", m.Code)
		}
		if m.HeadersCut {
			s.WriteString(" cut")
		}
		c.all = append(c.all, s.String())
	})
	c.Parser = c.p
	c.Check = c.conserve
	return c
}

// send offers bytes of which only the first captured are handed on.
func (c *conn) send(d Direction, b string, captured int) {
	c.Now++
	c.p.Segment(d, &Segment{Data: []byte(b)[:min(captured, len(b))], Len: int64(len(b)), Start: c.Now, End: c.Now, Tag: Tag{Seq: c.at[d]}})
	c.at[d] += uint32(len(b))
	c.conserve()
}

func (c *conn) whole(d Direction, b string) { c.send(d, b, len(b)) }

// open begins a connection of a version.
func (c *conn) open(v version) *conn {
	c.whole(Request, connect(v))
	if v == version5 {
		c.whole(Response, packet(ptConnack<<4, "\x00\x00\x00"))
	} else {
		c.whole(Response, packet(ptConnack<<4, "\x00\x00"))
	}
	return c
}

func (c *conn) close(r CloseReason) {
	c.p.Close(r, c.Now)
	c.conserve()
	require.Zero(c.t, c.p.Pending())
}

// conserve checks what package documentation promises of Stats.
func (c *conn) conserve() {
	st := c.cfg.Stats()
	require.Equal(c.t, st.Messages, st.Emitted+st.Drops()+uint64(c.p.Pending()), "%+v", st)
}

// take gives what was emitted since the last take.
func (c *conn) take() []string {
	all := c.all
	c.all = nil
	return all
}
