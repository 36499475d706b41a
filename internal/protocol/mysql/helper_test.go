// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package mysql

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
	f.Text, f.User, f.Database, f.SQLState = nil, nil, nil, nil
	c.all = append(c.all, f)
}

// line is an exchange in short: command, text, results, error, outcome.
func line(e *Exchange) string {
	var b strings.Builder
	b.WriteString(e.Command.String())
	if e.StatementKnown {
		fmt.Fprintf(&b, " #%d", e.StatementID)
	}
	if e.Text != nil {
		fmt.Fprintf(&b, " %q", e.Text)
	}
	if e.TextCut {
		b.WriteString("...")
	}
	if e.LocalInfile {
		b.WriteString(" infile")
	}
	if e.Database != nil {
		fmt.Fprintf(&b, " db=%s", e.Database)
	}
	if e.Results > 0 {
		fmt.Fprintf(&b, " %d:", e.Results)
	}
	if e.ReturnedRows >= 0 {
		fmt.Fprintf(&b, " %d rows", e.ReturnedRows)
	}
	if e.AffectedRows >= 0 {
		fmt.Fprintf(&b, " %d affected", e.AffectedRows)
	}
	if e.ErrorCode != 0 {
		fmt.Fprintf(&b, " error %d %s", e.ErrorCode, e.SQLState)
	}
	return b.String() + " " + e.Outcome.String()
}

// check proves conservation and the bounds of memory.
func (c *conn) check() {
	c.t.Helper()
	s := c.cfg.Stats()
	if s.Requests != s.Exchanges+s.Drops()+uint64(c.p.Pending()) {
		c.t.Fatalf("conservation: %d pending, %d emitted, %+v", c.p.Pending(), len(c.got), *s)
	}
	bytes := 0
	for _, st := range c.p.statements {
		bytes += st.size()
	}
	if bytes != c.p.tableBytes || bytes > (tableTexts+1)*c.cfg.maxText+200 || len(c.p.statements) > c.cfg.maxStatements ||
		c.p.q.n > c.cfg.maxPipeline || len(c.p.dir[0].buf) > c.cfg.maxText+512 || len(c.p.dir[1].buf) > 256 ||
		len(c.p.user)+len(c.p.db)+len(c.p.nextDB) > 3*(c.cfg.maxText+maxName) {
		c.t.Fatalf("no bound: %d of %d bytes, %d statements, %d commands", bytes, c.p.tableBytes, len(c.p.statements), c.p.q.n)
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
		c.t.Fatalf("%d commands pending after Close", c.p.Pending())
	}
	return strings.Join(c.got, "\n")
}
