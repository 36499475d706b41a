// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package redis

// inline is the state in a command sent as a line of words. Quotes are as the server's
// sdssplitargs reads them: "..." with backslash escapes, '...' with \' only.
type inline struct {
	quote  byte
	escape bool
	inWord bool
}

// inlineBytes reads a line. Its first word is the name; the others are counted, and looked
// at as those of an array are.
func (p *Parser) inlineBytes(b []byte) []byte {
	st := &p.req
	l := &st.inline
	for i, c := range b {
		st.size++
		if c == '\n' {
			if !p.endWord() {
				return nil
			}
			if st.arg > 0 {
				p.endCommand()
			} else {
				st.state, st.synced = rqStart, true
			}
			return b[i+1:]
		}
		switch {
		case l.quote != 0:
			switch {
			case l.escape:
				l.escape = false
			case c == '\\':
				l.escape = true
				continue
			case c == l.quote:
				l.quote = 0
				continue
			}
		case c == '"' || c == '\'':
			p.beginWord()
			l.quote = c
			continue
		case c == ' ' || c == '\t' || c == '\r' || c == 0 || c == '\v' || c == '\f':
			if !p.endWord() {
				return nil
			}
			continue
		}
		p.beginWord()
		if st.use != useNone {
			p.keep(b[i : i+1])
		}
	}
	return nil
}

func (p *Parser) beginWord() {
	st := &p.req
	if st.inline.inWord {
		return
	}
	st.inline.inWord = true
	// How many arguments come is not known, so keys counted from the end are not looked at.
	st.args = 0
	p.beginArg()
}

// endWord reports whether the line goes on to be read.
func (p *Parser) endWord() bool {
	if p.req.inline.inWord {
		p.req.inline.inWord = false
		p.endArg()
	}
	return p.req.state == rqInline && !p.done
}
