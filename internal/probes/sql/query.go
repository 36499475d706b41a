// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package sql

import (
	"strings"

	"github.com/DataDog/go-sqllexer"
)

// query is what is known of a query's text.
type query struct {
	// text is the text with literals replaced by "?" and without comments, "" when it
	// could not be told what is a literal.
	text    string
	summary string // "" when the text begins with no known word
	// operation, collection and procedure are the only ones in the text, or "".
	operation, collection, procedure string
	statements                       int
}

// analyse reads a text. cut tells that its end is missing.
func analyse(text string, cut bool, dialect sqllexer.DBMSType) *query {
	lexer := sqllexer.New(text, sqllexer.WithDBMS(dialect))
	w := sanitizer{dialect: dialect}
	w.out.Grow(len(text))
	s := summarizer{dialect: dialect}
	for {
		t := lexer.Scan()
		if t.Type == sqllexer.EOF {
			break
		}
		w.token(t, cut)
		s.token(t)
	}
	q := s.query()
	if !w.unsure {
		q.text = strings.Clone(strings.TrimRight(w.out.String(), " ;"))
	}
	return q
}

// sanitizer writes a text without literals.
type sanitizer struct {
	dialect sqllexer.DBMSType
	out     strings.Builder
	space   bool // white space is due
	list    byte // what a list of literals has come to: '?' or ','
	unsure  bool
}

// token adds a token. Where a literal ends depends on settings of the server
// (NO_BACKSLASH_ESCAPES, standard_conforming_strings): when the ends do not come out even,
// what was taken for the space between literals may be part of one.
func (w *sanitizer) token(t *sqllexer.Token, cut bool) {
	switch t.Type {
	case sqllexer.SPACE, sqllexer.COMMENT, sqllexer.MULTILINE_COMMENT:
		w.space = true
	case sqllexer.STRING, sqllexer.NUMBER, sqllexer.DOLLAR_QUOTED_STRING, sqllexer.DOLLAR_QUOTED_FUNCTION:
		w.literal()
	case sqllexer.INCOMPLETE_STRING, sqllexer.ERROR:
		w.unsure = w.unsure || !cut
		w.literal()
	case sqllexer.UNKNOWN:
		w.unsure = w.unsure || t.Value == `\`
		w.write(t.Value)
	default:
		if t.Value == "?" {
			w.literal()
			return
		}
		w.write(t.Value)
	}
}

// literal writes "?", once for a list of literals, whose length says little and
// makes many texts of one.
func (w *sanitizer) literal() {
	if w.list == ',' {
		w.list, w.space = '?', false
		return
	}
	w.flush()
	w.out.WriteByte('?')
	w.list = '?'
}

func (w *sanitizer) write(value string) {
	if value == "," && w.list == '?' {
		w.list, w.space = ',', false
		return
	}
	w.flush()
	w.list = 0
	w.out.WriteString(strings.ToValidUTF8(value, "\uFFFD"))
}

// flush writes what was held back: a comma behind a list, white space.
func (w *sanitizer) flush() {
	if w.list == ',' {
		w.out.WriteString(", ")
		w.space = false
	}
	if w.space && w.out.Len() > 0 {
		w.out.WriteByte(' ')
	}
	w.space = false
}
