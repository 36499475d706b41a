// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package dns

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// pairs drives a Pairs of sockets that have a number.
type pairs struct {
	t   *testing.T
	cfg *Config
	p   *Pairs[int, string]
	got []string
}

func newPairs(t *testing.T, o Options) *pairs {
	c := &pairs{t: t, cfg: NewConfig(o)}
	c.p = NewPairs[int](c.cfg, func(v string, e *Exchange) {
		c.got = append(c.got, v+" "+time.Duration(e.End-e.Start).String()+" "+line(e))
	})
	return c
}

func (c *pairs) at(ms uint64, role Role, socket int, b string) {
	c.t.Helper()
	m := c.p.Decode([]byte(b), len(b))
	if m == nil {
		c.t.Fatal("refused")
	}
	c.p.Message(role, socket, "v", m, ms*1e6, int64(len(b)), Tag{})
	c.check()
}

func (c *pairs) check() {
	c.t.Helper()
	s, early := c.cfg.Stats(), 0
	for e := c.p.first; e != nil; e = e.next {
		if e.q.early {
			early++
		}
	}
	if s.Queries != s.Exchanges+s.Retransmissions+s.Drops()+uint64(c.p.Pending()-early) {
		c.t.Fatalf("conservation broken: %+v pending %d early %d", *s, c.p.Pending(), early)
	}
	if c.p.Pending() == 0 && (len(c.p.waiting) > 0 || c.p.first != nil || c.p.last != nil) {
		c.t.Fatal("something is left behind")
	}
}

func (c *pairs) expect(want ...string) {
	c.t.Helper()
	equal(c.t, "exchanges", c.got, want)
}

func TestPairs(t *testing.T) {
	a, aaaa := ask(1, "a.example.", dnsmessage.TypeA), ask(2, "a.example.", dnsmessage.TypeAAAA)
	answerA, answerAAAA := reply(1, "a.example.", dnsmessage.TypeA, 0, addresses(1)), reply(2, "a.example.", dnsmessage.TypeAAAA, 0, nil)
	k := newPairs(t, Options{})
	// Both at once, answered in the other order; another socket with the same ID.
	k.at(0, Client, 1, a)
	k.at(0, Client, 1, aaaa)
	k.at(1, Client, 2, a)
	k.at(5, Client, 1, answerAAAA)
	k.at(7, Client, 1, answerA)
	k.at(9, Client, 2, answerA)
	k.expect("v 5ms a.example AAAA NOERROR 0 38/38 complete", "v 7ms a.example A NOERROR 1 38/54 complete", "v 8ms a.example A NOERROR 1 38/54 complete")
	// The same ID with another question is not the answer, and no answer comes at all.
	k.got = nil
	k.at(10, Client, 1, a)
	k.at(11, Client, 1, reply(1, "b.example.", dnsmessage.TypeA, 0, nil))
	k.p.Tick(300e6)
	if s := k.cfg.Stats(); s.OrphanResponses != 1 || len(k.got) != 0 {
		t.Errorf("%+v", *s)
	}
	k.p.Tick(10*1e9 + 11e6)
	k.expect("v 10s a.example A 38/-1 no response")
	k.check()
}

func TestRetransmissions(t *testing.T) {
	a, answer := ask(1, "a.example.", dnsmessage.TypeA), reply(1, "a.example.", dnsmessage.TypeA, 0, nil)
	k := newPairs(t, Options{})
	k.at(0, Client, 1, a)
	k.at(5000, Client, 1, a)
	k.p.Tick(12 * 1e9) // the last one is seven seconds old
	k.at(12500, Client, 1, answer)
	// A server answers each.
	k.at(0, Server, 1, a)
	k.at(5000, Server, 1, a)
	k.at(5001, Server, 1, answer)
	k.at(5002, Server, 1, answer)
	k.expect("v 12.5s a.example A NOERROR 0 38/38 complete again 1", "v 5.001s a.example A NOERROR 0 38/38 complete", "v 2ms a.example A NOERROR 0 38/38 complete")
	if s := k.cfg.Stats(); s.Queries != 4 || s.Exchanges != 3 || s.Retransmissions != 1 || k.p.Pending() != 0 {
		t.Errorf("%+v", *s)
	}
}

// Two threads: the one that receives tells of it first.
func TestResponseSeenFirst(t *testing.T) {
	k := newPairs(t, Options{})
	k.at(100, Client, 1, reply(1, "a.example.", dnsmessage.TypeA, 3, nil))
	k.at(101, Client, 1, ask(1, "a.example.", dnsmessage.TypeA))
	k.expect("v 0s a.example A NXDOMAIN 0 38/38 complete")
	k.at(102, Client, 1, reply(1, "a.example.", dnsmessage.TypeA, 3, nil)) // again
	k.p.Close(CloseShutdown, 103e6)
	k.check()
	if s := k.cfg.Stats(); s.OrphanResponses != 1 || s.Exchanges != 1 {
		t.Errorf("%+v", *s)
	}
}

func TestBounds(t *testing.T) {
	k := newPairs(t, Options{MaxPending: 3})
	for i := range uint16(5) {
		k.at(uint64(i), Server, 1, ask(i, "a.example.", dnsmessage.TypeA))
	}
	k.p.Close(CloseShutdown, 9e6)
	k.check()
	k.expect("v 7ms a.example A 38/-1 no response", "v 6ms a.example A 38/-1 no response", "v 5ms a.example A 38/-1 no response")
	if s := k.cfg.Stats(); s.DropOverflow != 2 {
		t.Errorf("%+v", *s)
	}
	if m := k.p.Decode([]byte("not a message"), 13); m != nil || k.cfg.Stats().Undecodable != 1 {
		t.Errorf("%+v", m)
	}
}

func TestConnection(t *testing.T) {
	c := newConn(t, Options{})
	s := c.subject()
	long := reply(3, "c.example.", dnsmessage.TypeA, 0, addresses(400))
	xfr := func() string { return framed(reply(4, "d.example.", dnsmessage.TypeAXFR, 0, addresses(2))) }
	s.Play([]event{
		{Dir: Request, Bytes: framed(ask(1, "a.example.", dnsmessage.TypeA)) + framed(ask(2, "b.example.", dnsmessage.TypeTXT))},
		{Dir: Response, Bytes: framed(reply(2, "b.example.", dnsmessage.TypeTXT, 2, nil)) + framed(reply(1, "a.example.", dnsmessage.TypeA, 0, addresses(1)))},
		{Dir: Request, Bytes: framed(ask(3, "c.example.", dnsmessage.TypeA))},
		{Dir: Response, Bytes: framed(long)},
		{Dir: Request, Bytes: framed(ask(4, "d.example.", dnsmessage.TypeAXFR))},
		{Dir: Response, Bytes: xfr() + xfr()},
		{Dir: Response, Bytes: xfr()},
		{Dir: Request, Bytes: framed(ask(5, "e.example.", dnsmessage.TypeA))},
	}, splitCut)
	equal(t, "exchanges", strings.Split(s.Result(), "\n"), []string{
		"b.example TXT SERVFAIL 0 38/38 complete", "a.example A NOERROR 1 38/54 complete", "c.example A NOERROR 400 38/6438 complete",
		"d.example AXFR NOERROR 2 38/70 complete", "e.example A 38/-1 no response",
	})
	if st := c.cfg.Stats(); st.TransferMessages != 2 || st.OrphanResponses+st.Undecodable+st.SkippedBytes+st.Gaps != 0 {
		t.Errorf("%+v", *st)
	}
}
