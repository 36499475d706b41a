// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package redis

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

// line is "OP args kind[elements] ERROR request/response outcome" with what else is set.
func line(e *Exchange) string {
	kind := "-"
	if e.Kind != KindNone {
		kind = string(rune(e.Kind))
	}
	if e.Elements >= 0 {
		kind += fmt.Sprint(e.Elements)
	}
	s := fmt.Sprintf("%s %d %s%s %d/%d %s", e.Operation, e.Args, kind, e.ErrorPrefix, e.RequestSize, e.ResponseSize, e.Outcome)
	if e.Failed && e.ErrorPrefix == nil {
		s += " failed"
	}
	if e.Transaction {
		s += " tx"
	}
	if e.DB >= 0 {
		s += fmt.Sprint(" db", e.DB)
	}
	if e.Keys != nil {
		s += fmt.Sprintf(" keys=%s", e.Keys)
	}
	if e.KeysTruncated {
		s += "+"
	}
	if e.Script != nil {
		s += fmt.Sprintf(" script=%s", e.Script)
	}
	return s
}

// cmd is a command as an array of strings.
func cmd(line string) string {
	var b strings.Builder
	words := strings.Fields(line)
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, w := range words {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(w), w)
	}
	return b.String()
}

// steps plays events: ">" or "<" and bytes, where "{n}" stands for n uncaptured bytes at the
// segment's end; "> SET k v" with a blank is a command as cmd makes it.
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
		case strings.HasPrefix(rest, " "):
			rest = cmd(rest)
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
	overs, bytes := 0, 0
	for i := range q.n {
		if q.at(i).over {
			overs++
		}
		bytes += len(q.at(i).buf)
	}
	if overs != q.overs || bytes != q.bytes || q.acked > q.n || q.n > c.cfg.maxPipeline {
		c.t.Fatalf("queue of %d: acked %d, over %d (%d), bytes %d (%d)", q.n, q.acked, overs, q.overs, bytes, q.bytes)
	}
}

func equal(t testing.TB, name string, got, want []string) {
	t.Helper()
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("%s: got\n%s\nwant\n%s", name, g, w)
	}
}
