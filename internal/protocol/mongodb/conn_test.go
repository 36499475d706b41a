// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package mongodb

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment/segmenttest"
)

// binData and array are values of those types of BSON; a doc is a document.
type (
	binData string
	array   []any
	pattern string
	doc     []any // names and values in turn
)

func le32(n int) string {
	return string(binary.LittleEndian.AppendUint32(nil, uint32(n)))
}

func le64(n uint64) string {
	return string(binary.LittleEndian.AppendUint64(nil, n))
}

// bson encodes a document.
func bson(d doc) string {
	var b strings.Builder
	for i := 0; i < len(d); i += 2 {
		name := d[i].(string) + "\x00"
		switch v := d[i+1].(type) {
		case string:
			b.WriteString("\x02" + name + le32(len(v)+1) + v + "\x00")
		case int:
			b.WriteString("\x10" + name + le32(v))
		case int64:
			b.WriteString("\x12" + name + le64(uint64(v)))
		case float64:
			b.WriteString("\x01" + name + le64(math.Float64bits(v)))
		case bool:
			b.WriteString("\x08" + name + map[bool]string{true: "\x01", false: "\x00"}[v])
		case nil:
			b.WriteString("\x0a" + name)
		case binData:
			b.WriteString("\x05" + name + le32(len(v)) + "\x00" + string(v))
		case pattern:
			b.WriteString("\x0b" + name + string(v) + "\x00i\x00")
		case doc:
			b.WriteString("\x03" + name + bson(v))
		case array:
			var a doc
			for i, e := range v {
				a = append(a, fmt.Sprint(i), e)
			}
			b.WriteString("\x04" + name + bson(a))
		default:
			panic(fmt.Sprintf("%T", v))
		}
	}
	return le32(b.Len()+5) + b.String() + "\x00"
}

// frameOf puts a header before a body.
func frameOf(id, to, op int, body string) string {
	return le32(len(body)+headerLen) + le32(id) + le32(to) + le32(op) + body
}

// msg is an OP_MSG; sections follow the document.
func msg(id, to, flags int, d doc, sections ...string) string {
	body := le32(flags) + "\x00" + bson(d) + strings.Join(sections, "")
	if flags&flagChecksum != 0 {
		body += "crc!"
	}
	return frameOf(id, to, opMsg, body)
}

func bsons(docs []doc) string {
	var b strings.Builder
	for _, d := range docs {
		b.WriteString(bson(d))
	}
	return b.String()
}

// sequence is a section of kind 1.
func sequence(name string, docs ...doc) string {
	s := name + "\x00" + bsons(docs)
	return "\x01" + le32(len(s)+4) + s
}

// query is an OP_QUERY.
func query(id int, full string, d doc) string {
	return frameOf(id, 0, opQuery, le32(0)+full+"\x00"+le32(0)+le32(-1)+bson(d))
}

// replyMsg is an OP_REPLY.
func replyMsg(id, to, flags int, docs ...doc) string {
	return frameOf(id, to, opReply, le32(flags)+le64(0)+le32(0)+le32(len(docs))+bsons(docs))
}

func compressed(id, to int, n int) string {
	return frameOf(id, to, opCompressed, le32(opMsg)+le32(3*n)+"\x02"+strings.Repeat("z", n))
}

// conn drives a parser and notes what it emits, one line per exchange.
type conn struct {
	t   testing.TB
	cfg *Config
	p   *Parser
	now uint64
	got []string
	all []Exchange // scalars only
}

func newConn(t testing.TB, o Options) *conn {
	c := &conn{t: t, cfg: NewConfig(o)}
	c.p = c.cfg.NewParser(func(e *Exchange) {
		c.got = append(c.got, line(e))
		c.all = append(c.all, *e)
	})
	return c
}

// line is "operation db.collection request/response outcome" with what else is set.
func line(e *Exchange) string {
	s := fmt.Sprintf("%s %s.%s %d/%d %s", e.Operation, e.Database, e.Collection, e.RequestSize, e.ResponseSize, e.Outcome)
	if e.StatusKnown && !e.Failed {
		s += " ok"
	}
	if e.Failed {
		s += fmt.Sprintf(" failed %d %s", e.Code, e.CodeName)
	}
	if e.Batch >= 0 {
		s += fmt.Sprint(" batch ", e.Batch)
	}
	if e.Returned >= 0 {
		s += fmt.Sprint(" returned ", e.Returned)
	}
	if e.Legacy {
		s += " legacy"
	}
	if e.Compressed {
		s += " compressed"
	}
	if e.MoreToCome {
		s += " more"
	}
	if !e.Known {
		s += " unknown"
	}
	return s
}

// event is a run of stream bytes before it is cut into segments.
type event = segmenttest.Event

// segment plays bytes of which the first are captured.
func (c *conn) segment(d Direction, b string, captured int) {
	c.t.Helper()
	c.now += 10
	data := []byte(b[:min(captured, len(b))])
	c.p.Segment(d, &Segment{Data: data, Len: int64(len(b)), Start: c.now, End: c.now + 5, Tag: Tag{Seq: uint32(c.now)}})
	for i := range data { // valid only during the call
		data[i] = 'X'
	}
	c.check()
}

func (c *conn) send(b string)   { c.t.Helper(); c.segment(Request, b, len(b)) }
func (c *conn) answer(b string) { c.t.Helper(); c.segment(Response, b, len(b)) }

// check verifies conservation and the queue's bounds.
func (c *conn) check() {
	c.t.Helper()
	s := c.cfg.Stats()
	if s.Requests != s.Exchanges+s.Drops()+uint64(c.p.Pending()) || s.Exchanges != uint64(len(c.got)) {
		c.t.Fatalf("conservation broken: %+v pending %d emitted %d", *s, c.p.Pending(), len(c.got))
	}
	if c.p.q.n > c.cfg.maxPipeline {
		c.t.Fatalf("queue of %d", c.p.q.n)
	}
	for i := range c.p.q.ring {
		if n := cap(c.p.q.ring[i].buf); n > 2*maxText {
			c.t.Fatalf("%d bytes kept", n)
		}
	}
}

func (c *conn) expect(want ...string) {
	c.t.Helper()
	equal(c.t, "exchanges", c.got, want)
}

func equal(t testing.TB, name string, got, want []string) {
	t.Helper()
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("%s: got\n%s\nwant\n%s", name, g, w)
	}
}
