// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package amqp

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment/segmenttest"
)

// frame makes a frame.
func frame(kind byte, channel uint16, payload string) string {
	b := binary.BigEndian.AppendUint16([]byte{kind}, channel)
	b = binary.BigEndian.AppendUint32(b, uint32(len(payload)))
	return string(append(append(b, payload...), frameEnd))
}

func call(channel uint16, m method, args string) string {
	return frame(frameMethod, channel, string(binary.BigEndian.AppendUint32(nil, uint32(m)))+args)
}

func short(s string) string { return string([]byte{byte(len(s))}) + s }

func number(n uint64) string { return string(binary.BigEndian.AppendUint64(nil, n)) }

func long(s string) string { return string(binary.BigEndian.AppendUint32(nil, uint32(len(s)))) + s }

// header makes a content header with a message ID and headers.
func header(channel uint16, size int, id, trace string) string {
	flags := uint16(hasMessageID)
	table := ""
	if trace != "" {
		flags |= hasHeaders
		table = long(short("n") + "I\x00\x00\x00\x01" + short("traceparent") + "S" + long(trace))
	}
	return frame(frameContent, channel, "\x00\x3c\x00\x00"+number(uint64(size))+string(binary.BigEndian.AppendUint16(nil, flags))+table+short(id))
}

// body makes the frames of a body, of at most most bytes each.
func body(channel uint16, b string, most int) string {
	var all strings.Builder
	for len(b) > 0 {
		n := min(most, len(b))
		all.WriteString(frame(frameBody, channel, b[:n]))
		b = b[n:]
	}
	return all.String()
}

func publish(channel uint16, exchange, key, id, payload string) string {
	return call(channel, basicPublish, "\x00\x00"+short(exchange)+short(key)+"\x00") + header(channel, len(payload), id, "") + body(channel, payload, 1000)
}

func deliver(channel uint16, consumer string, tag uint64, key, payload string) string {
	return call(channel, basicDeliver, short(consumer)+number(tag)+"\x00"+short("")+short(key)) + header(channel, len(payload), "", "") + body(channel, payload, 1000)
}

func ack(channel uint16, m method, tag uint64, multiple bool) string {
	bits := "\x00"
	if multiple {
		bits = "\x01"
	}
	return call(channel, m, number(tag)+bits)
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
		fmt.Fprintf(&s, "%v %v %s/%s", m.Kind, m.Outcome, m.Exchange, m.RoutingKey)
		for _, part := range []struct {
			name string
			v    []byte
		}{{"queue", m.Queue}, {"id", m.MessageID}, {"correlation", m.CorrelationID}, {"trace", m.Traceparent}} {
			if part.v != nil {
				fmt.Fprintf(&s, " %s=%s", part.name, part.v)
			}
		}
		fmt.Fprintf(&s, " tag=%d size=%d", m.DeliveryTag, m.Size)
		if m.Code != 0 {
			fmt.Fprintf(&s, " code=%d", m.Code)
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
