// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package dns

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment/segmenttest"
)

type event = segmenttest.Event

var internet = dnsmessage.ClassINET

// query makes a query as resolvers send it, with EDNS.
func ask(id uint16, name string, typ dnsmessage.Type) string {
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{ID: id, RecursionDesired: true})
	b.EnableCompression()
	must(b.StartQuestions())
	must(b.Question(dnsmessage.Question{Name: dnsmessage.MustNewName(name), Type: typ, Class: internet}))
	must(b.StartAdditionals())
	var h dnsmessage.ResourceHeader
	must(h.SetEDNS0(1232, dnsmessage.RCodeSuccess, false))
	must(b.OPTResource(h, dnsmessage.OPTResource{}))
	return string(finish(&b))
}

// reply makes the response with answers that add appends.
func reply(id uint16, name string, typ dnsmessage.Type, rcode dnsmessage.RCode, add func(b *dnsmessage.Builder, h dnsmessage.ResourceHeader)) string {
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{ID: id, Response: true, RecursionDesired: true, RecursionAvailable: true, RCode: rcode & 15})
	b.EnableCompression()
	must(b.StartQuestions())
	q := dnsmessage.Question{Name: dnsmessage.MustNewName(name), Type: typ, Class: internet}
	must(b.Question(q))
	must(b.StartAnswers())
	if add != nil {
		add(&b, dnsmessage.ResourceHeader{Name: q.Name, Class: internet, TTL: 300})
	}
	must(b.StartAdditionals())
	var h dnsmessage.ResourceHeader
	must(h.SetEDNS0(1232, rcode, false))
	must(b.OPTResource(h, dnsmessage.OPTResource{}))
	return string(finish(&b))
}

func finish(b *dnsmessage.Builder) []byte {
	m, err := b.Finish()
	must(err)
	return m
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func addresses(n int) func(*dnsmessage.Builder, dnsmessage.ResourceHeader) {
	return func(b *dnsmessage.Builder, h dnsmessage.ResourceHeader) {
		for i := range n {
			must(b.AResource(h, dnsmessage.AResource{A: [4]byte{10, 0, byte(i >> 8), byte(i)}}))
		}
	}
}

// framed puts the length before a message.
func framed(m string) string { return string([]byte{byte(len(m) >> 8), byte(len(m))}) + m }

// line is "NAME TYPE RCODE answers query/response outcome".
func line(e *Exchange) string {
	var s strings.Builder
	for _, q := range e.Questions {
		fmt.Fprintf(&s, "%s %s ", q.Name, TypeName(q.Type))
	}
	if e.Outcome == Complete {
		fmt.Fprintf(&s, "%s %d ", RCodeName(e.RCode), e.AnswerCount)
	}
	fmt.Fprintf(&s, "%d/%d %s", e.QuerySize, e.ResponseSize, e.Outcome)
	if e.Retransmissions > 0 {
		fmt.Fprint(&s, " again ", e.Retransmissions)
	}
	if e.Truncated {
		s.WriteString(" truncated")
	}
	for _, a := range e.Answers {
		fmt.Fprintf(&s, " [%s %s %d %s]", a.Name, TypeName(a.Type), a.TTL, a.Data)
	}
	return s.String()
}

// conn drives a parser of a connection.
type conn struct {
	t   testing.TB
	cfg *Config
	p   *Parser
	got []string
}

func newConn(t testing.TB, o Options) *conn {
	c := &conn{t: t, cfg: NewConfig(o)}
	c.p = c.cfg.NewParser(func(e *Exchange) { c.got = append(c.got, line(e)) })
	return c
}

func (c *conn) subject() *segmenttest.Subject {
	s := &segmenttest.Subject{Player: segmenttest.Player{Parser: c.p, Check: c.check}}
	s.Result = func() string {
		c.p.Close(CloseNormal, 0)
		c.check()
		return strings.Join(c.got, "\n")
	}
	return s
}

// check verifies conservation and the bounds of memory.
func (c *conn) check() {
	c.t.Helper()
	s := c.cfg.Stats()
	if s.Queries != s.Exchanges+s.Retransmissions+s.Drops()+uint64(c.p.Pending()) || s.Exchanges != uint64(len(c.got)) {
		c.t.Fatalf("conservation broken: %+v pending %d emitted %d", *s, c.p.Pending(), len(c.got))
	}
	for d := range c.p.dir {
		if cap(c.p.dir[d].buf) > 2*maxMessage {
			c.t.Fatalf("%d bytes kept", cap(c.p.dir[d].buf))
		}
	}
}

func equal(t testing.TB, name string, got, want []string) {
	t.Helper()
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("%s: got\n%s\nwant\n%s", name, g, w)
	}
}
