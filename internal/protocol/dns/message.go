// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package dns

import (
	"encoding/binary"
	"errors"
)

// headerLen is the length of a message's header (RFC 1035 section 4.1.1).
const headerLen = 12

// maxQuestions bounds the questions that are read of one message; in practice there is one.
const maxQuestions = 4

// maxRecords bounds the records of one message that are walked.
const maxRecords = 512

// Question of a message. Name is in presentation format, "." for the root, without the final
// dot else.
type Question struct {
	Name        []byte
	Type, Class uint16
}

// Record of the answer section. Data is its content in presentation format, nil for types
// that are not known.
type Record struct {
	Name        []byte
	Type, Class uint16
	TTL         uint32
	Data        []byte
}

// Message is a query or a response. Its slices are valid until the next Decode.
type Message struct {
	ID                 uint16
	Response           bool
	Opcode             uint8
	AA, TC, RD, RA     bool
	RCode              uint16 // with the upper bits of EDNS when these were seen
	QuestionCount      int
	AnswerCount        int
	Questions          []Question
	Answers            []Record // with Decoder.MaxAnswers
	EDNS               bool
	Cut                bool // not all of it was captured
	hash               uint64
	authority, further int
}

// Errors of Decode.
var (
	ErrShort = errors.New("a DNS message has at least 12 bytes")
	ErrName  = errors.New("a name in the DNS message is malformed")
	ErrOdd   = errors.New("the header of the DNS message is not one that is in use")
)

// Decoder reads messages. Its zero value is usable.
type Decoder struct {
	// MaxAnswers bounds the answers that are read; 0 is none.
	MaxAnswers int

	m         Message
	questions [maxQuestions]Question
	answers   []Record
	text      []byte
}

// Decode reads a message of total bytes, of which b is a prefix. What is behind the prefix
// leaves Cut set and the rest absent. The Message is valid until the next call.
func (d *Decoder) Decode(b []byte, total int) (*Message, error) {
	if len(b) < headerLen {
		return nil, ErrShort
	}
	m := &d.m
	*m = Message{Questions: d.questions[:0], Answers: d.answers[:0]}
	d.text = d.text[:0]
	m.ID = binary.BigEndian.Uint16(b)
	flags := binary.BigEndian.Uint16(b[2:])
	m.Response = flags&0x8000 != 0
	m.Opcode = uint8(flags >> 11 & 15)
	m.AA, m.TC, m.RD, m.RA = flags&0x0400 != 0, flags&0x0200 != 0, flags&0x0100 != 0, flags&0x0080 != 0
	m.RCode = flags & 15
	m.QuestionCount, m.AnswerCount = int(binary.BigEndian.Uint16(b[4:])), int(binary.BigEndian.Uint16(b[6:]))
	m.authority, m.further = int(binary.BigEndian.Uint16(b[8:])), int(binary.BigEndian.Uint16(b[10:]))
	m.Cut = len(b) < total
	if !m.plausible(total) {
		return nil, ErrOdd
	}
	at, err := d.readQuestions(b)
	if err != nil {
		return nil, err
	}
	if at > 0 {
		d.readRecords(b, at)
	}
	return m, nil
}

// plausible tells a header in use: an assigned opcode (RFC 1035, 1996, 2136, 8490), and no
// more questions and records than the message has room for.
func (m *Message) plausible(total int) bool {
	if m.Opcode == 3 || m.Opcode > 6 {
		return false
	}
	// A question has at least 5 bytes, a record 11.
	return headerLen+5*m.QuestionCount+11*(m.AnswerCount+m.authority+m.further) <= total
}

// readQuestions gives the offset behind them, 0 when they are cut.
func (d *Decoder) readQuestions(b []byte) (int, error) {
	m := &d.m
	at := headerLen
	m.hash = hashBasis
	for i := range m.QuestionCount {
		from := at
		name, end, err := d.name(b, at)
		if errors.Is(err, errCut) {
			m.Cut = true
			return 0, nil
		}
		if err != nil {
			return 0, err
		}
		if len(b) < end+4 {
			m.Cut = true
			return 0, nil
		}
		at = end + 4
		if i < maxQuestions {
			m.Questions = append(m.Questions, Question{
				Name: name, Type: binary.BigEndian.Uint16(b[end:]), Class: binary.BigEndian.Uint16(b[end+2:]),
			})
			m.hash = hash(m.hash, b[from:at])
		}
	}
	return at, nil
}

// readRecords walks the sections for the answers and for EDNS. It ends where they are cut or
// malformed: what came before is as good as without them.
func (d *Decoder) readRecords(b []byte, at int) {
	m := &d.m
	n := m.AnswerCount + m.authority + m.further
	for i := range min(n, maxRecords) {
		from := at
		end, ok := skipName(b, at)
		if !ok || len(b) < end+10 {
			m.Cut = m.Cut || i < n
			return
		}
		typ, class := binary.BigEndian.Uint16(b[end:]), binary.BigEndian.Uint16(b[end+2:])
		ttl, size := binary.BigEndian.Uint32(b[end+4:]), int(binary.BigEndian.Uint16(b[end+8:]))
		at = end + 10 + size
		if len(b) < at {
			m.Cut = true
			return
		}
		switch {
		case typ == typeOPT:
			m.EDNS = true
			if m.Response {
				m.RCode |= uint16(ttl>>24) << 4
			}
		case i < m.AnswerCount && len(m.Answers) < d.MaxAnswers:
			name, _, err := d.name(b, from)
			if err != nil {
				return
			}
			data := d.data(b[:at], end+10, typ)
			m.Answers = append(m.Answers, Record{Name: name, Type: typ, Class: class, TTL: ttl, Data: data})
			d.answers = m.Answers
		}
	}
}

const hashBasis = 14695981039346656037

// hash is FNV-1a of a question without regard to the case of letters, which a server may not
// keep (RFC 4343).
func hash(h uint64, b []byte) uint64 {
	for _, c := range b {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}
