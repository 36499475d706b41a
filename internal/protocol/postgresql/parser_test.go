// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package postgresql

import (
	"strings"
	"testing"
)

func lines(ev ...event) []event { return ev }

func rq(parts ...string) event { return event{Dir: Request, Bytes: strings.Join(parts, "")} }
func rs(parts ...string) event { return event{Dir: Response, Bytes: strings.Join(parts, "")} }

func TestExchanges(t *testing.T) {
	for _, tt := range []struct {
		name string
		ev   []event
		want string
	}{
		{"several statements", lines(rq(query("a;b;c")), rs(columns("x"), row("1"), complete("SELECT 1"), complete("INSERT 0 7"), complete("CREATE TABLE"), ready('I'))),
			`query "a;b;c" [SELECT 1] [INSERT 7] [CREATE TABLE -1] I complete`},
		{"error after a result", lines(rq(query("a;b")), rs(complete("UPDATE 3"), failure("22012"), ready('E'))),
			`query "a;b" [UPDATE 3] ERROR 22012 E complete`},
		{"empty query", lines(rq(query("")), rs(emptyEnd, ready('I'))), `query "" I complete`},
		{"extended", lines(rq(parse("", "q"), bind("", "", "v"), describe('P', ""), execute("", 0), syncNow), rs(parsed, bound, noData, complete("DELETE 2"), ready('T'))),
			`execute "q" [DELETE 2] complete`},
		{"prepared", lines(rq(parse("s", "q"), describe('S', "s"), syncNow), rs(parsed, msg('t', u16(0)), columns("x"), ready('I')),
			rq(bind("", "s"), execute("", 0), syncNow), rs(bound, row("1"), complete("SELECT 1"), ready('I'))),
			"parse s: \"q\" complete\nexecute prepared s: \"q\" [SELECT 1] complete"},
		{"flush between", lines(rq(parse("s", "q"), flush), rs(parsed), rq(bind("", "s"), execute("", 0), syncNow), rs(bound, complete("SELECT 0"), ready('I'))),
			"parse s: \"q\" complete\nexecute prepared s: \"q\" [SELECT 0] complete"},
		{"statement of before", lines(rq(bind("", "old"), execute("", 0), syncNow), rs(bound, complete("SELECT 0"), ready('I'))),
			"execute prepared old: [SELECT 0] complete"},
		{"statement that failed", lines(rq(parse("s", "bad"), syncNow), rs(failure("42601"), ready('I')), rq(bind("", "s"), execute("", 0), syncNow), rs(failure("26000"), ready('I'))),
			"parse s: \"bad\" ERROR 42601 complete\nexecute prepared s: ERROR 26000 complete"},
		{"portal in parts", lines(rq(parse("", "q"), bind("p", ""), execute("p", 2), execute("p", 2), syncNow),
			rs(parsed, bound, row("1"), row("2"), suspend, row("3"), complete("SELECT 1"), ready('T'))),
			"execute suspended \"q\" [ 2] complete\nexecute prepared continued \"q\" [SELECT 1] complete"},
		{"skipped after an error", lines(rq(parse("", "a"), bind("", ""), execute("", 0), parse("", "b"), bind("", ""), execute("", 0), syncNow,
			parse("", "c"), bind("", ""), execute("", 0), syncNow),
			rs(parsed, bound, failure("23505"), ready('I'), parsed, bound, complete("SELECT 1"), ready('I'))),
			"execute \"a\" ERROR 23505 complete\nexecute \"b\" skipped\nexecute \"c\" [SELECT 1] complete"},
		{"commit fails in sync", lines(rq(parse("", "a"), bind("", ""), execute("", 0), syncNow), rs(parsed, bound, complete("INSERT 0 1"), failure("23505"), ready('I'))),
			"execute \"a\" [INSERT 1] complete\nsync ERROR 23505 I complete"},
		{"copy in", lines(rq(query("copy")), rs(msg('G', "\x00"+u16(0))), rq(msg('d', "1\n"), msg('d', "2\n"), msg('c', "")), rs(complete("COPY 2"), ready('I'))),
			`query copy "copy" [COPY 2] I complete`},
		{"copy out", lines(rq(query("copy")), rs(msg('H', "\x00"+u16(0)), msg('d', "1\n"), msg('c', ""), complete("COPY 1"), ready('I'))), `query copy "copy" [COPY 1] I complete`},
		{"copy both", lines(rq(query("START_REPLICATION")), rs(msg('W', "\x00"+u16(0)), msg('d', "w")), rq(msg('d', "r")), rs(msg('d', "w")), event{Dir: Response, Bytes: ""}),
			`query copy "START_REPLICATION" response cut`},
		{"function", lines(rq(function(1, "x")), rs(msg('V', u32(1)+"y"), ready('I'))), `function I complete`},
		{"asynchronous", lines(rs(ready('I')), rs(msg('A', u32(1)+"c\x00p\x00")), rq(query("q")), rs(msg('N', "SNOTICE\x00\x00"), msg('S', "a\x00b\x00"), complete("SET"), ready('I'))),
			`query "q" [SET -1] I complete`},
		{"close", lines(rq(closeName('S', "s"), syncNow), rs(closed, ready('I'))), `close s: complete`},
		{"pipelined syncs", lines(rq(parse("s", "q"), bind("", "s"), execute("", 0), syncNow, bind("", "s"), execute("", 0), syncNow),
			rs(parsed, bound, complete("SELECT 1")), rs(ready('I'), bound, complete("SELECT 2"), ready('I'))),
			"execute s: \"q\" [SELECT 1] complete\nexecute prepared s: \"q\" [SELECT 2] complete"},
		{"deallocated", lines(rq(parse("s", "q"), syncNow), rs(parsed, ready('I')), rq(query("DISCARD ALL")), rs(complete("DISCARD ALL"), ready('I')),
			rq(bind("", "s"), execute("", 0), syncNow), rs(failure("26000"), ready('I'))),
			"parse s: \"q\" complete\nquery \"DISCARD ALL\" [DISCARD ALL -1] I complete\nexecute prepared s: ERROR 26000 complete"},
		{"terminated by administrator", lines(rq(query("q")), rs(msg('E', "SFATAL\x00VFATAL\x00C57P01\x00\x00")), event{Dir: Response, Bytes: ""}), `query "q" FATAL 57P01 complete`},
		{"no response", lines(rq(query("q")), event{Dir: Response, Bytes: ""}), `query "q" no response`},
		{"joined in rows", lines(rs("garbage of a row"), rq(query("q")), rs(complete("SELECT 1"), ready('I'))), `query "q" [SELECT 1] I complete`},
	} {
		c := newConn(t, Options{})
		c.play(tt.ev, whole, whole, false)
		if got := c.close(); got != tt.want {
			t.Errorf("%s:\n%s\nwant:\n%s\n%+v", tt.name, got, tt.want, *c.cfg.Stats())
		}
	}
}

func TestEnds(t *testing.T) {
	for _, tt := range []struct {
		name string
		ev   []event
		want Stats
	}{
		{"TLS", lines(rq(ssl), rs("S"), rq("\x16\x03\x01")), Stats{Encrypted: 1}},
		{"TLS, answer unseen", lines(rq(ssl), rq("\x16\x03\x01")), Stats{Encrypted: 1}},
		{"GSS", lines(rq("\x00\x00\x00\x08\x04\xd2\x16\x30"), rs("G")), Stats{Encrypted: 1}},
		{"cancel", lines(rq("\x00\x00\x00\x10\x04\xd2\x16\x2e", u32(1), u32(2))), Stats{Cancels: 1}},
	} {
		c := newConn(t, Options{})
		c.play(tt.ev, whole, whole, false)
		if !c.p.Done() || *c.cfg.Stats() != tt.want {
			t.Errorf("%s: %+v", tt.name, *c.cfg.Stats())
		}
	}
	c := newConn(t, Options{})
	c.play(lines(rq(ssl), rs("N"), rq(startup("user", "u")), rs(failure("28P01"))), whole, whole, false)
	if c.p.Done() || *c.cfg.Stats() != (Stats{Startups: 1, StartupErrors: 1}) || string(c.p.db) != "u" {
		t.Errorf("refused: %+v, database %q", *c.cfg.Stats(), c.p.db)
	}
}

// Rows hidden by the capture: the end of the response is found all the same.
func TestHiddenRows(t *testing.T) {
	rows := strings.Repeat(row(strings.Repeat("r", 100)), 50)
	for _, tt := range []struct {
		name string
		last bool
		ev   []event
		want string
	}{
		{"tail", true, lines(rq(query("q")), rs(columns("x"), rows, complete("SELECT 50"), ready('I'))), `query "q" I truncated`},
		{"end captured", true, lines(rq(query("q")), rs(columns("x"), rows), rs(row("z")[3:], complete("SELECT 51"), ready('I'))), `query "q" [SELECT 51] I complete`},
		{"error captured", true, lines(rq(query("q")), rs(columns("x"), rows), rs(failure("57014"), ready('I'))), `query "q" ERROR 57014 I complete`},
		{"next request", false, lines(rq(query("q")), rs(columns("x"), rows, complete("SELECT 50"), ready('I')), rq(query("r")), rs(complete("SELECT 1"), ready('I'))),
			"query \"q\" truncated\nquery \"r\" [SELECT 1] I complete"},
		{"hidden Execute", true, lines(rq(parse("s", "q"), bind("", "s", strings.Repeat("v", 900)), execute("", 0), syncNow), rs(parsed, bound, complete("INSERT 0 1"), ready('I')),
			rq(query("r")), rs(complete("SELECT 1"), ready('I'))), "execute s: \"q\" [INSERT 1] complete\nquery \"r\" [SELECT 1] I complete"},
		{"ambiguous", true, lines(rq(query("q"), query("r")), rs(columns("x"), rows, complete("SELECT 50"), ready('I')), rs(complete("SELECT 1"), ready('I')),
			rq(query("s")), rs(complete("SELECT 1"), ready('I'))), `query "s" [SELECT 1] I complete`},
	} {
		c := newConn(t, Options{})
		c.play(tt.ev, whole, func(n int) int { return min(n, 300) }, tt.last)
		if got := c.close(); got != tt.want {
			t.Errorf("%s:\n%s\nwant:\n%s\n%+v", tt.name, got, tt.want, *c.cfg.Stats())
		}
	}
}

// What has no bound on the wire has one here.
func TestBounds(t *testing.T) {
	c := newConn(t, Options{MaxText: 32, MaxStatements: 4, MaxPipeline: 8})
	var ev []event
	for i := range 40 {
		name := strings.Repeat("n", i+1)
		ev = append(ev, rq(parse(name, strings.Repeat("q", 10*i)), bind(name, name), syncNow))
	}
	c.play(ev, whole, whole, false)
	c.close()
	if s := c.cfg.Stats(); s.StatementsForgotten == 0 || s.DropOverflow == 0 || s.TextsCut == 0 {
		t.Errorf("%+v", *s)
	}
	c = newConn(t, Options{})
	c.play(lines(rq("Q\x7f\xff\xff\xff"), rs("D\x7f\xff\xff\xff"), rq(query("q")), rs("D\x3f\xff\xff\xff\x00\x01")), whole, whole, false)
	c.close()
}
