// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package sql

import (
	"slices"
	"strings"

	"github.com/DataDog/go-sqllexer"
)

// maxSummary bounds a summary ("Generating a summary of the query").
const maxSummary = 255

// summarizer finds the operations of a text and what they work on, in the order
// in which they come.
type summarizer struct {
	dialect sqllexer.DBMSType
	parts   []string // operations and targets

	operations, targets, procedures []string
	ctes                            []string
	statements                      int

	started bool   // within a statement
	verb    string // the statement's first word
	want    want
	prev    string // the last word or sign, in upper case
	nested  []bool // for each open parenthesis: a query is in it
	with    int    // depth of the WITH whose names are being read, plus one
	list    int    // depth of the list of targets, plus one
}

// want is what the next words may be.
type want uint8

const (
	anything  want = iota
	object         // the kind of thing that is created, altered or dropped
	target         // a name
	procedure      // a procedure's name
	cteName        // a name that WITH defines
)

func (s *summarizer) token(t *sqllexer.Token) {
	switch t.Type {
	case sqllexer.SPACE, sqllexer.COMMENT, sqllexer.MULTILINE_COMMENT:
		return
	case sqllexer.PUNCTUATION:
		s.sign(t.Value)
	case sqllexer.IDENT, sqllexer.QUOTED_IDENT, sqllexer.FUNCTION:
		s.word(t)
	case sqllexer.COMMAND, sqllexer.KEYWORD, sqllexer.CTE_INDICATOR, sqllexer.PROC_INDICATOR, sqllexer.ALIAS_INDICATOR:
		s.word(t)
	default:
		s.started = true
		s.want = anything
	}
	s.prev = strings.ToUpper(t.Value)
}

func (s *summarizer) sign(v string) {
	switch v {
	case ";":
		s.started, s.want, s.list, s.with = false, anything, 0, 0
		s.nested, s.ctes = s.nested[:0], s.ctes[:0]
	case "(":
		s.nested = append(s.nested, false)
		s.want = anything
	case ")":
		if n := len(s.nested); n > 0 {
			s.nested = s.nested[:n-1]
		}
		if s.list > s.depth() {
			s.list = 0
		}
		s.want = anything
	case ",":
		switch {
		case s.list == s.depth():
			s.want = target
		case s.with == s.depth() && s.prev == ")":
			s.want = cteName
		default:
			s.want = anything
		}
	default:
		s.want = anything
	}
}

// depth is the number of open parentheses, plus one.
func (s *summarizer) depth() int { return len(s.nested) + 1 }

// selects tells that a query is in the innermost parentheses.
func (s *summarizer) selects() bool {
	if n := len(s.nested); n > 0 {
		return s.nested[n-1]
	}
	return true
}

func (s *summarizer) word(t *sqllexer.Token) {
	upper := strings.ToUpper(t.Value)
	quoted := t.Type == sqllexer.QUOTED_IDENT
	if !s.started {
		s.begin(upper)
		return
	}
	switch {
	case quoted:
	case upper == "SELECT" && s.verb != "GRANT" && s.verb != "REVOKE",
		(upper == "INSERT" || upper == "UPDATE" || upper == "DELETE" || upper == "MERGE") &&
			(s.prev == "(" || s.with > 0 && s.prev == ")" || s.verb == "EXPLAIN" && (s.prev == "EXPLAIN" || s.prev == "ANALYZE" || s.prev == ")")):
		s.operation(upper)
		return
	case upper == "FROM":
		if s.selects() && s.prev != "DISTINCT" && s.verb != "SHOW" && s.verb != "FETCH" {
			s.expect(target)
		}
		return
	case upper == "INTO", upper == "JOIN", upper == "STRAIGHT_JOIN":
		if s.verb != "FETCH" {
			s.expect(target)
		}
		return
	case upper == "USING" && (s.verb == "DELETE" || s.verb == "MERGE") && s.selects():
		s.expect(target)
		return
	}
	switch s.want {
	case object:
		s.object(upper)
	case target:
		if !quoted && slices.Contains(beforeTarget, upper) {
			return
		}
		if t.Type == sqllexer.FUNCTION && s.prev == "FROM" || t.Type == sqllexer.KEYWORD || t.Type == sqllexer.COMMAND {
			s.want = anything
			return
		}
		s.target(t)
	case procedure:
		s.want = anything
		s.procedures = append(s.procedures, s.name(t))
		s.parts = append(s.parts, s.name(t))
	case cteName:
		if upper == "RECURSIVE" {
			return
		}
		s.want = anything
		s.ctes = append(s.ctes, s.name(t))
	default:
		if t.Type == sqllexer.KEYWORD || t.Type == sqllexer.COMMAND {
			if upper != "AS" {
				s.list = 0
			}
		}
	}
}

// begin reads the first word of a statement.
func (s *summarizer) begin(upper string) {
	s.started = true
	s.verb = upper
	s.statements++
	if upper == "WITH" {
		s.with = s.depth()
		s.want = cteName
		return
	}
	if !slices.Contains(verbs, upper) {
		return
	}
	s.operation(upper)
}

// operation adds an operation and knows what comes behind it.
func (s *summarizer) operation(upper string) {
	s.operations = append(s.operations, upper)
	s.parts = append(s.parts, upper)
	if n := len(s.nested); n > 0 {
		s.nested[n-1] = true
	}
	s.list, s.want = 0, anything
	switch upper {
	case "CREATE", "ALTER", "DROP":
		s.want = object
	case "UPDATE", "TRUNCATE", "COPY", "LOCK", "TABLE", "REFRESH", "ANALYZE", "VACUUM", "DESCRIBE", "DESC", "OPTIMIZE", "REPAIR", "CLUSTER", "HANDLER":
		s.expect(target)
	case "INSERT", "REPLACE":
		if s.dialect == sqllexer.DBMSMySQL { // INTO may be left out
			s.expect(target)
		}
	case "CALL":
		s.want = procedure
	}
}

func (s *summarizer) expect(w want) {
	s.want = w
	s.list = s.depth()
}

// object reads what is created, altered or dropped.
func (s *summarizer) object(upper string) {
	switch {
	case slices.Contains(modifiers, upper):
	case slices.Contains(objects, upper):
		last := len(s.parts) - 1
		s.parts[last] += " " + upper
		s.operations[len(s.operations)-1] = s.parts[last]
		s.want = target
		if upper == "TABLE" {
			s.list = s.depth()
		}
	default:
		s.want = anything
	}
}

// target takes a name.
func (s *summarizer) target(t *sqllexer.Token) {
	s.want = anything
	name := s.name(t)
	if name == "" || slices.Contains(s.ctes, name) {
		return
	}
	s.parts = append(s.parts, name)
	if !slices.Contains(s.targets, name) {
		s.targets = append(s.targets, name)
	}
}

// name is a name without its quotes.
func (s *summarizer) name(t *sqllexer.Token) string {
	v := t.Value
	if t.Type == sqllexer.QUOTED_IDENT || strings.ContainsAny(v, "`\"") {
		v = strings.NewReplacer("`", "", `"`, "").Replace(v)
	}
	return strings.ToValidUTF8(v, "\uFFFD")
}

// query gives what was found.
func (s *summarizer) query() *query {
	q := &query{statements: s.statements}
	var b strings.Builder
	for _, p := range s.parts {
		if b.Len()+1+len(p) > maxSummary {
			break
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(p)
	}
	if len(s.operations) > 0 {
		q.summary = b.String()
	}
	q.operation, q.collection, q.procedure = only(s.operations), only(s.targets), only(s.procedures)
	return q
}

// only gives the one element of a list.
func only(list []string) string {
	if len(list) != 1 {
		return ""
	}
	return strings.Clone(list[0])
}
