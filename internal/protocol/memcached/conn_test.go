// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package memcached

import (
	"fmt"
	"strings"
	"testing"
)

// conn drives a parser and notes what it emits, one line per exchange.
type conn struct {
	t   testing.TB
	cfg *Config
	p   *Parser
	now uint64
	got []string
	all []Exchange // scalars only
}

func newConn(t testing.TB, o Options) *conn {
	c := &conn{t: t, cfg: NewConfig(o)}
	c.p = c.cfg.NewParser(func(e *Exchange) {
		c.got = append(c.got, line(e))
		c.all = append(c.all, *e)
	})
	return c
}

// line is "OP keys STATUS/code hits/misses request/response outcome" with what else is set.
func line(e *Exchange) string {
	s := fmt.Sprintf("%s %d %s/%d %d/%d %d/%d v%d %s", e.Operation, e.KeyCount, e.Status, e.Code, e.Hits, e.Misses, e.RequestSize, e.ResponseSize, e.ValueBytes, e.Outcome)
	if !e.StatusKnown {
		s += " ?"
	}
	if e.Failed {
		s += " failed"
	}
	if e.Keys != nil {
		s += fmt.Sprintf(" keys=%s", e.Keys)
	}
	if e.KeysTruncated {
		s += "+"
	}
	return s
}

// steps plays events: ">" or "<" and bytes, where "{n}" stands for n uncaptured bytes at the
// segment's end.
func (c *conn) steps(steps ...string) {
	c.t.Helper()
	for _, s := range steps {
		c.now += 10
		d, rest := Request, s[1:]
		if s[0] == '<' {
			d = Response
		}
		switch {
		case rest == "FIN":
			c.p.EOF(d, c.now)
			continue
		case rest == "IDLE":
			c.p.Idle(c.now)
			continue
		case strings.HasPrefix(rest, "SKIP "):
			n := 0
			fmt.Sscanf(rest, "SKIP %d", &n)
			c.p.Skip(d, int64(n))
			continue
		}
		seg := Segment{Start: c.now, End: c.now + 5, Tag: Tag{Seq: uint32(c.now)}}
		if i := strings.Index(rest, "{"); i >= 0 {
			n := 0
			fmt.Sscanf(rest[i:], "{%d}", &n)
			seg.Len = int64(n)
			rest = rest[:i]
		}
		seg.Data = []byte(rest)
		seg.Len += int64(len(rest))
		c.p.Segment(d, &seg)
		for i := range seg.Data { // valid only during the call
			seg.Data[i] = 'X'
		}
		c.check()
	}
}

// check verifies conservation and the queue's own counts.
func (c *conn) check() {
	c.t.Helper()
	s, q := c.cfg.Stats(), &c.p.q
	if s.Requests != s.Exchanges+s.Drops()+uint64(c.p.Pending()) || s.Exchanges != uint64(len(c.got)) {
		c.t.Fatalf("conservation broken: %+v pending %d emitted %d", *s, c.p.Pending(), len(c.got))
	}
	bytes := 0
	for i := range q.n {
		bytes += len(q.at(i).buf)
	}
	if bytes != q.bytes || q.n > c.cfg.maxPipeline {
		c.t.Fatalf("queue of %d: %d bytes (%d)", q.n, q.bytes, bytes)
	}
}

func equal(t testing.TB, name string, got, want []string) {
	t.Helper()
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("%s: got\n%s\nwant\n%s", name, g, w)
	}
}
