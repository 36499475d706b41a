// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment/segmenttest"
)

// conn drives a parser and notes what it emits, one line per exchange.
type conn struct {
	segmenttest.Player
	t   testing.TB
	cfg *Config
	p   *Parser
	got []string
	all []Exchange // scalars only
}

func newConn(t testing.TB, o Options) *conn { return newConnOf(t, NewConfig(o)) }

func newConnOf(t testing.TB, cfg *Config) *conn {
	c := &conn{t: t, cfg: cfg}
	c.p = c.cfg.NewParser(func(e *Exchange) {
		c.got = append(c.got, line(e))
		c.all = append(c.all, *e)
	})
	c.Player = segmenttest.Player{Parser: c.p, Check: c.check}
	return c
}

// line is "API vVERSION #CORRELATION topics ... outcome" with what else is set.
func line(e *Exchange) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s v%d #%d %s", e.API, e.Version, e.CorrelationID, e.ClientID)
	if e.Group != nil {
		fmt.Fprintf(&b, " group=%s", e.Group)
	}
	if e.AcksKnown {
		fmt.Fprintf(&b, " acks=%d", e.Acks)
	}
	if e.Follower {
		b.WriteString(" follower")
	}
	for _, t := range e.Topics {
		name := string(t.Name)
		if t.Name == nil {
			name = hex.EncodeToString(t.ID[:2])
		}
		fmt.Fprintf(&b, " %s/%d+%d:%d@%d,%dB", name, t.Partition, t.Partitions, t.Messages, t.Offset, t.Bytes)
		if t.Error != 0 {
			fmt.Fprintf(&b, "!%s", ErrorName(t.Error))
		}
	}
	if e.TopicsCut {
		b.WriteString(" ...")
	}
	for _, x := range e.Contexts {
		fmt.Fprintf(&b, " <%s|%s|%s>", x.Traceparent, x.Tracestate, x.B3)
	}
	if e.Records > 0 {
		fmt.Fprintf(&b, " %d/%d", e.Carried, e.Records)
	}
	if e.ContextsCut {
		b.WriteString("?")
	}
	if e.ErrorKnown {
		fmt.Fprintf(&b, " err=%s", ErrorName(e.Error))
	}
	fmt.Fprintf(&b, " %d/%d %s", e.RequestSize, e.ResponseSize, e.Outcome)
	return b.String()
}

// check verifies conservation and the queue's own counts.
func (c *conn) check() {
	c.t.Helper()
	s, q := c.cfg.Stats(), &c.p.q
	if s.Requests != s.Exchanges+s.Drops()+uint64(c.p.Pending()) {
		c.t.Fatalf("conservation broken: %+v pending %d emitted %d", *s, c.p.Pending(), len(c.got))
	}
	bytes := 0
	for i := range q.n {
		bytes += len(q.at(i).buf)
	}
	if c.p.answer != nil {
		bytes += len(c.p.answer.buf)
	}
	if bytes != q.bytes || q.n > c.cfg.maxPipeline {
		c.t.Fatalf("queue of %d: bytes %d (%d)", q.n, q.bytes, bytes)
	}
	for i := range c.p.walk {
		if w := &c.p.walk[i]; len(w.carry) > maxUnit || w.state != wEnd && w.pd == nil {
			c.t.Fatalf("%d bytes carried in state %d", len(w.carry), w.state)
		}
	}
}

// result ends the connection and gives what was emitted.
func (c *conn) result() string {
	c.p.Close(segment.CloseNormal, c.Now)
	c.check()
	if c.p.Pending() != 0 {
		c.t.Fatalf("%d requests pending after Close", c.p.Pending())
	}
	return strings.Join(c.got, "\n")
}

func (c *conn) subject() *segmenttest.Subject {
	return &segmenttest.Subject{Player: c.Player, Result: c.result}
}
