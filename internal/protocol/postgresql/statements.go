// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package postgresql

import "bytes"

// statement is a query text with the name it was prepared under. It is immutable once made
// and counted by its users: the tables and the queued operations.
type statement struct {
	name, text []byte
	known      bool // text was seen
	cut        bool // text is only a beginning
	refs       int
}

// portal is a bound statement.
type portal struct {
	st      *statement
	started bool // an Execute was seen
}

// newStatement copies name and text. The caller holds the first reference.
func (c *Config) newStatement(name, text []byte, known, cut bool) *statement {
	var s *statement
	if n := len(c.free); n > 0 {
		s = c.free[n-1]
		c.free = c.free[:n-1]
	} else {
		s = &statement{name: []byte{}, text: []byte{}} // empty is not nil, which is unknown
	}
	if len(text) > c.maxText {
		text, cut = text[:c.maxText], true
	}
	if cut {
		c.stats.TextsCut++
	}
	s.name = append(s.name[:0], name[:min(len(name), maxName)]...)
	s.text = append(s.text[:0], text...)
	s.known, s.cut, s.refs = known, cut, 1
	return s
}

func (c *Config) release(s *statement) {
	if s == nil {
		return
	}
	if s.refs--; s.refs == 0 && len(c.free) < maxFree && cap(s.text) <= 2*defaultMaxText {
		c.free = append(c.free, s)
	}
}

func (s *statement) use() *statement {
	s.refs++
	return s
}

// size is what a table pays for an entry.
func (s *statement) size() int { return len(s.text) + 2*len(s.name) + 64 }

// tables are the statements and portals of one connection by name. The unnamed ones, which most
// clients use for every query, are kept beside the maps.
type tables struct {
	statements map[string]*statement
	portals    map[string]portal
	bytes      int // of the statements, with the unnamed one

	unnamed       *statement // nil: none
	unnamedPortal portal     // without a statement: none
}

func (t *tables) statement(name []byte) *statement {
	if len(name) == 0 {
		return t.unnamed
	}
	return t.statements[string(name)]
}

func (t *tables) portal(name []byte) (portal, bool) {
	if len(name) == 0 {
		return t.unnamedPortal, t.unnamedPortal.st != nil
	}
	o, ok := t.portals[string(name)]
	return o, ok
}

// started notes the first Execute of a portal.
func (t *tables) started(name []byte, o portal) {
	o.started = true
	if len(name) == 0 {
		t.unnamedPortal = o
	} else {
		t.portals[string(name)] = o
	}
}

// setStatement takes over the caller's reference.
func (p *Parser) setStatement(s *statement) {
	t := &p.tables
	p.dropStatement(s.name)
	fits := func() bool {
		return (len(s.name) == 0 || len(t.statements) < p.cfg.maxStatements) && t.bytes+s.size() <= tableTexts*p.cfg.maxText
	}
	if !fits() {
		// Statements of a connection have a long life: forget any one, not the newest.
		for _, old := range t.statements {
			p.dropStatement(old.name)
			p.cfg.stats.StatementsForgotten++
			if fits() {
				break
			}
		}
	}
	if len(s.name) == 0 {
		t.unnamed = s
		t.bytes += s.size()
		return
	}
	if t.statements == nil {
		t.statements = make(map[string]*statement)
	}
	t.statements[string(s.name)] = s
	t.bytes += s.size()
}

func (p *Parser) dropStatement(name []byte) {
	s := p.tables.statement(name)
	if s == nil {
		return
	}
	p.tables.bytes -= s.size()
	if len(name) == 0 {
		p.tables.unnamed = nil
	} else {
		delete(p.tables.statements, string(s.name))
	}
	p.cfg.release(s)
}

// statementOf gives a new reference to the statement of that name, known or not.
func (p *Parser) statementOf(name []byte) *statement {
	if s := p.tables.statement(name); s != nil {
		return s.use()
	}
	return p.cfg.newStatement(name, nil, false, false)
}

// setPortal takes a reference of its own.
func (p *Parser) setPortal(name []byte, s *statement) {
	t := &p.tables
	p.dropPortal(name)
	if len(name) == 0 {
		t.unnamedPortal = portal{st: s.use()}
		return
	}
	if len(name) > maxName || len(t.portals) >= p.cfg.maxStatements {
		p.cfg.stats.StatementsForgotten++
		return
	}
	if t.portals == nil {
		t.portals = make(map[string]portal)
	}
	t.portals[string(name)] = portal{st: s.use()}
}

func (p *Parser) dropPortal(name []byte) {
	if len(name) == 0 {
		p.cfg.release(p.tables.unnamedPortal.st)
		p.tables.unnamedPortal = portal{}
		return
	}
	if o, ok := p.tables.portals[string(name)]; ok {
		delete(p.tables.portals, string(name))
		p.cfg.release(o.st)
	}
}

// dropPortals forgets all portals: they end with their transaction.
func (p *Parser) dropPortals() {
	p.dropPortal(nil)
	if len(p.tables.portals) == 0 {
		return
	}
	for k, o := range p.tables.portals {
		delete(p.tables.portals, k)
		p.cfg.release(o.st)
	}
}

func (p *Parser) dropStatements() {
	p.dropStatement(nil)
	for k, s := range p.tables.statements {
		delete(p.tables.statements, k)
		p.cfg.release(s)
	}
	p.tables.bytes = 0
}

// cstring splits a NUL-terminated string off b.
func cstring(b []byte) (s, rest []byte, ok bool) {
	if i := bytes.IndexByte(b, 0); i >= 0 { //nolint:modernize // bytes.Cut costs twice as much
		return b[:i], b[i+1:], true
	}
	return b, nil, false
}
