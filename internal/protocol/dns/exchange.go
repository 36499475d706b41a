// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package dns

// Outcome says how an exchange ended.
type Outcome uint8

const (
	// Complete: the response came.
	Complete Outcome = iota
	// NoResponse: none came in time, or before the connection's end.
	NoResponse
)

func (o Outcome) String() string {
	switch o {
	case Complete:
		return "complete"
	case NoResponse:
		return "no response"
	}
	return "unknown"
}

// Exchange is one query with its response. It and its slices are valid only during the emit
// call.
type Exchange struct {
	ID     uint16
	Opcode uint8
	// Questions of the query, the first ones if QuestionCount tells more. Of a query that was
	// cut they may be missing.
	Questions     []Question
	QuestionCount int
	// RecursionDesired as the query asked.
	RecursionDesired bool

	// What the response told, when Outcome is Complete.
	RCode         uint16
	Authoritative bool
	// Truncated: the response had no room for all (TC): a client asks again over TCP.
	Truncated   bool
	AnswerCount int
	// Answers, with Options.Answers; fewer than AnswerCount if they were cut or too many.
	Answers []Record

	// Retransmissions is how often a client sent the query again.
	Retransmissions int

	// Bytes of the messages, -1 when not known.
	QuerySize, ResponseSize int64

	// Kernel times, ns, 0 when unknown. Start is that of the query's first transmission; End is
	// that of the response, or when it was given up.
	Start, End uint64

	QueryTag, ResponseTag Tag

	Outcome Outcome
	Reason  CloseReason // set when the exchange was ended by the connection's end
}

// query is what is kept of a query until its response comes, or of a response that came first.
type query struct {
	id        uint16
	early     bool // it is the response
	hash      uint64
	hashed    bool
	opcode    uint8
	recursion bool
	count     int
	n         int // questions kept
	questions [maxQuestions]kept
	text      []byte
	axfr      bool

	start, last uint64
	size        int64
	tag         Tag
	again       int

	// Of an early response.
	rcode         uint16
	authoritative bool
	truncated     bool
	answers       int
}

// kept is a question whose name is a part of query.text.
type kept struct {
	from, to   int
	typ, class uint16
}

// take makes a query of a message.
func (c *Config) take(m *Message, ts uint64, size int64, tag Tag) *query {
	var q *query
	if n := len(c.free); n > 0 {
		q, c.free = c.free[n-1], c.free[:n-1]
	} else {
		q = new(query)
	}
	*q = query{
		id: m.ID, hash: m.hash, hashed: len(m.Questions) > 0, opcode: m.Opcode, recursion: m.RD, count: m.QuestionCount, text: q.text[:0],
		start: ts, last: ts, size: size, tag: tag,
		rcode: m.RCode, authoritative: m.AA, truncated: m.TC, answers: m.AnswerCount,
	}
	for i := range m.Questions {
		s := &m.Questions[i]
		from := len(q.text)
		q.text = append(q.text, s.Name...)
		q.questions[i] = kept{from, len(q.text), s.Type, s.Class}
		q.axfr = q.axfr || s.Type == typeAXFR || s.Type == typeIXFR
		q.n++
	}
	return q
}

// maxFree bounds the queries that are kept for later ones.
const maxFree = 4096

func (c *Config) release(q *query) {
	if len(c.free) < maxFree {
		c.free = append(c.free, q)
	}
}

// fill begins an exchange with what is known of the query.
func (c *Config) fill(q *query) *Exchange {
	e := &c.ex
	questions := e.Questions[:0]
	for _, k := range q.questions[:q.n] {
		questions = append(questions, Question{Name: q.text[k.from:k.to:k.to], Type: k.typ, Class: k.class})
	}
	*e = Exchange{
		ID: q.id, Opcode: q.opcode, Questions: questions, QuestionCount: q.count, RecursionDesired: q.recursion,
		Retransmissions: q.again, QuerySize: q.size, ResponseSize: -1, Start: q.start, QueryTag: q.tag,
	}
	return e
}

// answer adds what the response tells.
func (e *Exchange) answer(m *Message, ts uint64, size int64, tag Tag) {
	e.RCode, e.Authoritative, e.Truncated, e.AnswerCount, e.Answers = m.RCode, m.AA, m.TC, m.AnswerCount, m.Answers
	e.ResponseSize, e.ResponseTag = size, tag
	e.End = max(ts, e.Start)
}
