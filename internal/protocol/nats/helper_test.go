// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package nats

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// seen is a Message of which nothing points into a segment.
type seen struct {
	kind                                  Kind
	subject, reply, sub, queue, id, trace string
	status                                string
	size, headers                         int64
	seq                                   uint32
	cut                                   bool
}

func (s seen) String() string {
	type plain seen
	return fmt.Sprintf("%+v", plain(s))
}

// conn feeds a parser and keeps what it emits.
type conn struct {
	t   testing.TB
	cfg *Config
	p   *Parser
	all []seen
	at  [2]uint32
	now uint64
}

func newConn(t testing.TB) *conn {
	c := &conn{t: t, cfg: NewConfig(Options{})}
	c.p = c.cfg.NewParser(func(m *Message) {
		c.all = append(c.all, seen{
			m.Kind, string(m.Subject), string(m.Reply), string(m.Subscription), string(m.Queue), string(m.ID),
			string(m.Traceparent), string(m.Status), m.Size, m.HeaderSize, m.Tag.Seq, m.HeadersCut,
		})
	})
	return c
}

// send offers bytes of which only the first captured are handed on.
func (c *conn) send(d Direction, b string, captured int) {
	c.now++
	c.p.Segment(d, &Segment{Data: []byte(b)[:min(captured, len(b))], Len: int64(len(b)), Start: c.now, End: c.now, Tag: Tag{Seq: c.at[d]}})
	c.at[d] += uint32(len(b))
	c.conserve()
}

func (c *conn) whole(d Direction, b string) { c.send(d, b, len(b)) }

func (c *conn) close() {
	c.p.Close(0, c.now)
	c.conserve()
	require.Zero(c.t, c.p.Pending())
}

// conserve checks what package documentation promises of Stats.
func (c *conn) conserve() {
	st := c.cfg.Stats()
	require.Equal(c.t, st.Messages, st.Emitted+st.Drops()+uint64(c.p.Pending()), "%+v", st)
	require.EqualValues(c.t, len(c.all), st.Emitted)
}
