// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package mysql

// statement is a text that commands share. It is immutable once made and counted by its
// users: the table and the queued commands.
type statement struct {
	text []byte
	cut  bool // text is only a beginning
	refs int
}

// newStatement copies text. The caller holds the first reference.
func (c *Config) newStatement(text []byte, cut bool) *statement {
	var s *statement
	if n := len(c.free); n > 0 {
		s = c.free[n-1]
		c.free = c.free[:n-1]
	} else {
		s = &statement{text: []byte{}}
	}
	if len(text) > c.maxText {
		text, cut = text[:c.maxText], true
	}
	if cut {
		c.stats.TextsCut++
	}
	s.text, s.cut, s.refs = append(s.text[:0], text...), cut, 1
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
	if s != nil {
		s.refs++
	}
	return s
}

func (s *statement) size() int { return len(s.text) + 64 }

// setStatement takes over the caller's reference.
func (p *Parser) setStatement(id uint32, s *statement) {
	p.dropStatement(id)
	for k := range p.statements {
		if len(p.statements) < p.cfg.maxStatements && p.tableBytes+s.size() <= tableTexts*p.cfg.maxText {
			break
		}
		p.dropStatement(k) // statements have a long life: forget any one
		p.cfg.stats.StatementsForgotten++
	}
	if p.statements == nil {
		p.statements = make(map[uint32]*statement)
	}
	p.statements[id] = s
	p.tableBytes += s.size()
}

func (p *Parser) dropStatement(id uint32) {
	if s, ok := p.statements[id]; ok {
		p.tableBytes -= s.size()
		delete(p.statements, id)
		p.cfg.release(s)
	}
}

func (p *Parser) dropStatements() {
	for id := range p.statements {
		p.dropStatement(id)
	}
	p.cfg.release(p.prepared)
	p.prepared = nil
}
