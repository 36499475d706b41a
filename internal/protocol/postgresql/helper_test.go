// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package postgresql

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment/segmenttest"
)

// event is a run of stream bytes before it is cut into segments; without bytes it is a FIN.
type event = segmenttest.Event

// conn is a parser whose exchanges are kept as lines.
type conn struct {
	t   *testing.T
	cfg *Config
	p   *Parser
	now uint64
	got []string
	all []Exchange // without slices
}

func newConn(t *testing.T, o Options) *conn {
	c := &conn{t: t, cfg: NewConfig(o)}
	c.p = c.cfg.NewParser(c.emit)
	return c
}

func (c *conn) emit(e *Exchange) {
	line := line(e)
	if e.RequestStart > e.RequestEnd && e.RequestEnd != 0 || e.ResponseStart > e.ResponseEnd && e.ResponseEnd != 0 || e.End < e.RequestStart {
		c.t.Errorf("times of %s: %+v", line, *e)
	}
	c.got = append(c.got, line)
	f := *e
	f.Text, f.Statement, f.User, f.Database, f.Results, f.Severity, f.Code = nil, nil, nil, nil, nil, nil, nil
	c.all = append(c.all, f)
}

// line is an exchange in short: kind, flags, text or name, results, error, outcome.
func line(e *Exchange) string {
	var b strings.Builder
	b.WriteString(e.Kind.String())
	for _, f := range []struct {
		on   bool
		name string
	}{{e.Prepared, "prepared"}, {e.Continued, "continued"}, {e.Suspended, "suspended"}, {e.Copy, "copy"}} {
		if f.on {
			b.WriteString(" " + f.name)
		}
	}
	if len(e.Statement) > 0 {
		fmt.Fprintf(&b, " %s:", e.Statement)
	}
	if e.Text != nil {
		fmt.Fprintf(&b, " %q", e.Text)
	}
	if e.TextCut {
		b.WriteString("...")
	}
	for _, r := range e.Results {
		fmt.Fprintf(&b, " [%s %d]", r.Command, r.Rows)
	}
	if e.Statements > len(e.Results) {
		fmt.Fprintf(&b, " of %d", e.Statements)
	}
	if e.Failed() {
		fmt.Fprintf(&b, " %s %s", e.Severity, e.Code)
	}
	if e.TxStatus != 0 {
		fmt.Fprintf(&b, " %c", e.TxStatus)
	}
	return b.String() + " " + e.Outcome.String()
}

// check proves conservation and the bounds of memory.
func (c *conn) check() {
	c.t.Helper()
	s := c.cfg.Stats()
	if s.Requests != s.Exchanges+s.Drops()+uint64(c.p.Pending()) || int(s.Exchanges) != len(c.got) {
		c.t.Fatalf("conservation: %d pending, %d emitted, %+v", c.p.Pending(), len(c.got), *s)
	}
	barriers, syncs := 0, 0
	for i := range c.p.q.n {
		it := c.p.q.at(i)
		if it.ends() {
			barriers++
		}
		if it.kind == kindBarrier {
			syncs++
		}
	}
	if barriers != c.p.q.barriers || syncs != c.p.q.syncs || c.p.open && c.p.q.n == 0 {
		c.t.Fatalf("queue: %d of %d barriers, %d of %d syncs", barriers, c.p.q.barriers, syncs, c.p.q.syncs)
	}
	bytes := 0
	if u := c.p.tables.unnamed; u != nil {
		bytes += u.size()
	}
	for k, st := range c.p.tables.statements {
		bytes += st.size()
		if k != string(st.name) || st.refs < 1 {
			c.t.Fatalf("statement %q under %q, %d users", st.name, k, st.refs)
		}
	}
	if bytes != c.p.tables.bytes || bytes > tableTexts*c.cfg.maxText+c.cfg.maxText+600 ||
		len(c.p.tables.statements) > c.cfg.maxStatements || len(c.p.tables.portals) > c.cfg.maxStatements {
		c.t.Fatalf("tables: %d bytes, %d counted, %d and %d entries", bytes, c.p.tables.bytes, len(c.p.tables.statements), len(c.p.tables.portals))
	}
	if c.p.q.n > c.cfg.maxPipeline || len(c.p.dir[0].buf) > max(maxStartup, c.cfg.maxText+1000) || len(c.p.dir[1].buf) > 128 {
		c.t.Fatal("a buffer has no bound")
	}
}

// play cuts each event at the points that cut gives and captures a prefix of each piece.
func (c *conn) play(ev []event, cut, prefix func(n int) int, last bool) {
	c.t.Helper()
	p := segmenttest.Player{Parser: c.p, Now: c.now, Check: c.check}
	p.Play(ev, segmenttest.Cut{Piece: cut, Prefix: prefix, Last: last})
	c.now = p.Now
}

func whole(n int) int { return n }

// close ends the connection and gives what was emitted.
func (c *conn) close() string {
	c.t.Helper()
	c.p.Close(CloseNormal, c.now+10)
	c.check()
	if c.p.Pending() != 0 {
		c.t.Fatalf("%d operations pending after Close", c.p.Pending())
	}
	return strings.Join(c.got, "\n")
}
