// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package mongodb

import (
	"bytes"
	"encoding/binary"
	"math"
)

// Types of BSON elements (bsonspec.org, "Specification Version 1.1").
const (
	typeDouble    = 0x01
	typeString    = 0x02
	typeDocument  = 0x03
	typeArray     = 0x04
	typeBinary    = 0x05
	typeUndefined = 0x06
	typeObjectID  = 0x07
	typeBool      = 0x08
	typeDate      = 0x09
	typeNull      = 0x0a
	typeRegex     = 0x0b
	typePointer   = 0x0c
	typeCode      = 0x0d
	typeSymbol    = 0x0e
	typeScoped    = 0x0f
	typeInt32     = 0x10
	typeTimestamp = 0x11
	typeInt64     = 0x12
	typeDecimal   = 0x13
	typeMaxKey    = 0x7f
	typeMinKey    = 0xff
)

// within says what a document is for, so which of its elements are of interest.
type within uint8

const (
	inCommand    within = iota // the command that a request is
	inReply                    // what answers it
	inCursor                   // its "cursor"
	inErrors                   // its "writeErrors"
	inError                    // the first of these, or "writeConcernError"
	inBatch                    // documents of a cursor, which are counted
	inStatements               // statements of a write command, which are counted
)

// frame is a document that is walked.
type frame struct {
	of  within
	end int64 // offset behind it
}

// field is where the value of an element goes.
type field uint8

const (
	fieldNone field = iota
	fieldCollection
	fieldDatabase
	fieldOK
	fieldCode
	fieldCodeName
)

// walk is the state within a document. No more than three are nested that are walked.
type walk struct {
	frames [4]frame
	depth  int
	index  int // elements of the outermost document so far
	typ    byte
	into   field
	inner  within // a document that follows is walked as that
	walked bool
	left   int64 // bytes of a text
	// count is that of the array or sequence at hand, counting whether it is of interest.
	count    int64
	counting bool
	patterns int
	pd       *pending // whose fields are filled, during a call
}

// element acts on a part of an element, of known size.
func (m *body) element(pd *pending, v []byte) {
	w := &m.walk
	switch m.part {
	case partDocLen:
		w.depth, w.index = 0, 0
		of := inCommand
		if m.op == opReply || pd.answering {
			of = inReply
		}
		m.enter(of, int64(int32(binary.LittleEndian.Uint32(v))))
	case partType:
		if v[0] == 0 {
			m.leave(pd)
			return
		}
		w.typ = v[0]
		m.to(partName)
	case partValueLen:
		m.sized(int64(int32(binary.LittleEndian.Uint32(v))))
	case partScalar:
		m.scalar(pd, v)
		m.to(partType)
	default:
		m.spoil()
	}
}

// enter begins a document whose length was just read.
func (m *body) enter(of within, length int64) {
	w := &m.walk
	end := m.pos - 4 + length
	limit := m.end
	if w.depth > 0 {
		limit = w.frames[w.depth-1].end - 1
	}
	if length < 5 || end > limit || w.depth == len(w.frames) {
		m.spoil()
		return
	}
	w.frames[w.depth] = frame{of, end}
	w.depth++
	if of == inBatch || of == inStatements {
		w.count, w.counting = 0, true
	}
	m.to(partType)
}

// leave ends a document.
func (m *body) leave(pd *pending) {
	w := &m.walk
	f := &w.frames[w.depth-1]
	if m.pos != f.end {
		m.spoil()
		return
	}
	switch f.of {
	case inBatch:
		pd.returned, w.counting = w.count, false
	case inStatements:
		pd.batch, w.counting = max(pd.batch, 0)+w.count, false
	default:
	}
	w.depth--
	if w.depth == 0 {
		m.to(m.after)
		return
	}
	m.to(partType)
}

// named acts on an element's name.
func (m *body) named(pd *pending, name []byte) {
	m.decide(pd, name)
	m.value()
}

// decide says by an element's name what becomes of its value.
func (m *body) decide(pd *pending, name []byte) {
	w := &m.walk
	w.into, w.walked = fieldNone, false
	first := w.depth == 1 && w.index == 0
	if w.depth == 1 {
		w.index++
	}
	switch w.frames[w.depth-1].of {
	case inCommand:
		m.inCommand(pd, name, first)
	case inReply:
		m.inReply(pd, name)
	case inCursor:
		if w.typ == typeArray && (string(name) == "firstBatch" || string(name) == "nextBatch") {
			// Only a command that succeeded has a cursor.
			pd.statusKnown = true
			w.inner, w.walked = inBatch, true
		}
	case inErrors:
		if w.typ == typeDocument && pd.errors == 0 {
			w.inner, w.walked = inError, true
		}
		pd.errors++
	case inError:
		switch string(name) {
		case "code":
			w.into = fieldCode
		case "codeName":
			w.into = fieldCodeName
		}
	case inBatch, inStatements:
		w.count++
	}
}

func (m *body) inCommand(pd *pending, name []byte, first bool) {
	w := &m.walk
	if first && m.op == opQuery && w.typ == typeDocument && (string(name) == "$query" || string(name) == "query") {
		w.inner, w.walked = inCommand, true
		w.index = 0
		return
	}
	switch {
	case !pd.named:
		pd.setName(name)
		if w.typ == typeString && pd.cmd != nil && pd.cmd.collection {
			w.into = fieldCollection
		}
	case w.typ == typeString:
		switch string(name) {
		case "$db":
			w.into = fieldDatabase
		case "collection":
			if pd.cmd != nil && pd.cmd.name == "getMore" {
				w.into = fieldCollection
			}
		}
	case w.typ == typeArray && isSequence(name):
		w.inner, w.walked = inStatements, true
	}
}

// isSequence tells the arrays that hold the statements of a write command.
func isSequence(name []byte) bool {
	switch string(name) {
	case "documents", "updates", "deletes", "ops":
		return true
	}
	return false
}

func (m *body) inReply(pd *pending, name []byte) {
	w := &m.walk
	switch string(name) {
	case "ok":
		w.into = fieldOK
	case "code":
		w.into = fieldCode
	case "codeName":
		w.into = fieldCodeName
	case "$err":
		pd.statusKnown, pd.failed = true, true
	case "cursor":
		if w.typ == typeDocument {
			w.inner, w.walked = inCursor, true
		}
	case "writeErrors":
		if w.typ == typeArray {
			w.inner, w.walked = inErrors, true
			pd.statusKnown, pd.failed = true, true
		}
	case "writeConcernError":
		if w.typ == typeDocument {
			w.inner, w.walked = inError, true
			pd.statusKnown, pd.failed = true, true
		}
	}
}

// value goes on with the value of an element by its type.
func (m *body) value() {
	w := &m.walk
	switch w.typ {
	case typeUndefined, typeNull, typeMaxKey, typeMinKey:
		m.to(partType)
	case typeBool:
		m.scalarOf(1)
	case typeInt32:
		m.scalarOf(4)
	case typeDouble, typeDate, typeTimestamp, typeInt64:
		m.scalarOf(8)
	case typeObjectID:
		m.over(12)
	case typeDecimal:
		m.over(16)
	case typeRegex:
		w.patterns = 2
		m.to(partPattern)
	case typeString, typeDocument, typeArray, typeBinary, typePointer, typeCode, typeSymbol, typeScoped:
		m.to(partValueLen)
	default:
		m.spoil()
	}
}

func (m *body) scalarOf(n int64) {
	w := &m.walk
	if w.into == fieldNone || m.pos+n >= w.frames[w.depth-1].end {
		m.over(n)
		return
	}
	m.need = int(n)
	m.to(partScalar)
}

// over passes over a value, if its document has room for it.
func (m *body) over(n int64) {
	w := &m.walk
	if n < 0 || m.pos+n >= w.frames[w.depth-1].end {
		m.spoil()
		return
	}
	m.skip(n, partType)
}

// sized acts on the length of a value.
func (m *body) sized(n int64) {
	w := &m.walk
	switch w.typ {
	case typeString, typeCode, typeSymbol:
		if s := w.pd.span(w.into); s != nil && s.len == 0 && w.typ == typeString && n > 1 && m.pos+n < w.frames[w.depth-1].end {
			w.left = n
			m.to(partText)
			return
		}
		if n < 1 {
			n = -1
		}
		m.over(n)
	case typeBinary:
		if n < 0 {
			n = -2
		}
		m.over(n + 1)
	case typePointer:
		if n < 1 {
			n = -13
		}
		m.over(n + 12)
	default: // the length counts itself
		if w.walked {
			w.walked = false
			m.enter(w.inner, n)
			return
		}
		m.over(n - 4)
	}
}

// scalar keeps the value of a field.
func (m *body) scalar(pd *pending, v []byte) {
	var x float64
	switch m.walk.typ {
	case typeBool:
		x = float64(v[0])
	case typeInt32:
		x = float64(int32(binary.LittleEndian.Uint32(v)))
	case typeDouble:
		x = math.Float64frombits(binary.LittleEndian.Uint64(v))
	case typeInt64:
		x = float64(int64(binary.LittleEndian.Uint64(v)))
	default:
		return
	}
	switch m.walk.into {
	case fieldOK:
		pd.statusKnown = true
		pd.failed = pd.failed || x == 0
	case fieldCode:
		// The command's own error comes before those of its writes.
		if x == math.Trunc(x) && math.Abs(x) <= math.MaxInt32 && (pd.code == 0 || m.walk.depth == 1) {
			pd.code = int32(x)
		}
	default:
	}
}

// text keeps the value of a field, up to the final NUL.
func (m *body) text(pd *pending, b []byte) int {
	w := &m.walk
	n := int(min(int64(len(b)), w.left))
	m.pos += int64(n)
	w.left -= int64(n)
	keep := b[:n]
	if w.left == 0 {
		keep = bytes.TrimSuffix(keep, []byte{0})
	}
	if s := pd.span(w.into); s != nil {
		pd.keep(s, keep)
	}
	if w.left == 0 {
		m.to(partType)
	}
	return n
}

// sequence begins the documents of a section of kind 1.
func (m *body) sequence(name []byte) {
	m.walk.count, m.walk.counting = 0, isSequence(name)
}

// endSequence ends them.
func (m *body) endSequence() {
	if w := &m.walk; w.counting && w.pd != nil && !w.pd.answering {
		w.pd.batch = max(w.pd.batch, 0) + w.count
	}
	m.walk.counting = false
}

// giveUp forgets what was being read of an element or counted.
func (m *body) giveUp() {
	w := &m.walk
	if m.part == partText && w.pd != nil {
		if s := w.pd.span(w.into); s != nil {
			w.pd.forget(s)
		}
	}
	if w.counting && w.pd != nil && !w.pd.answering {
		w.pd.uncounted = true
	}
	w.counting = false
}

// fullName takes "database.collection" of a legacy message.
func (m *body) fullName(pd *pending, name []byte) {
	db, collection, _ := bytes.Cut(name, []byte{'.'})
	pd.keep(&pd.database, db)
	pd.addressed = true
	pd.isCommand = m.op == opQuery && string(collection) == "$cmd"
	if !pd.isCommand {
		pd.keep(&pd.collection, collection)
		m.to(partEnd)
		return
	}
	m.to(partLimits)
}
