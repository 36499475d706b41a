// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package mysql

import (
	"strings"
	"testing"
)

// Packets of the server.
func packets(bodies ...string) string {
	var b strings.Builder
	for i, s := range bodies {
		b.WriteString(pkt(byte(i+1), s))
	}
	return b.String()
}

const (
	ok       = "\x00\x03\x00\x02\x00\x00\x00"
	okMore   = "\x00\x02\x00\x0a\x00\x00\x00"
	eof      = "\xfe\x00\x00\x02\x00"
	eofMore  = "\xfe\x00\x00\x0a\x00"
	okRows   = "\xfe\x00\x00\x02\x00\x00\x00" // instead of EOF with CLIENT_DEPRECATE_EOF
	failed   = "\xff\x28\x04#42000You have an error"
	hello    = "\x0a8.0.36\x00\x01\x00\x00\x00saltsalt\x00\xff\xff\x21\x02\x00\xff\xdf\x15\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00moresaltmore\x00"
	prepared = "\x00\x07\x00\x00\x00\x01\x00\x01\x00\x00\x00\x00"
)

func TestExchanges(t *testing.T) {
	q := rq(com(ComQuery, "q"))
	for _, tt := range []struct {
		name string
		ev   []event
		want string
	}{
		{"OK", []event{q, rs(packets(ok))}, `query "q" 1: 3 affected complete`},
		{"error", []event{q, rs(packets(failed))}, `query "q" error 1064 42000 complete`},
		{"rows", []event{q, rs(rawResult)}, `query "q" 1: 1 rows complete`},
		{"rows without EOF", []event{q, rs(packets("\x01", column, "\x03abc", "\x03abc", okRows))}, `query "q" 1: 2 rows complete`},
		{"no rows without EOF", []event{q, rs(packets("\x01", column, okRows))}, `query "q" 1: 0 rows complete`},
		{"error in rows", []event{q, rs(packets("\x01", column, eof, "\x03abc", failed))}, `query "q" 1 rows error 1064 42000 complete`},
		{"several results", []event{q, rs(packets(okMore, "\x01", column, eof, "\x03abc", eofMore, ok))}, `query "q" 3: 1 rows 5 affected complete`},
		{"several results, error", []event{q, rs(packets(okMore, failed))}, `query "q" 1: 2 affected error 1064 42000 complete`},
		{"without metadata", []event{rq(com(ComStmtExecute, u32(7)+"\x00"+u32(1))), rs(packets("\x01\x00", "\x00\x00\x03abc", okRows))}, `stmt_execute #7 1: 1 rows complete`},
		{"infile", []event{q, rs(packets("\xfb/f")), rq(pkt(2, "1,2\n") + pkt(3, "")), rs(pkt(4, ok))}, `query "q" infile 1: 3 affected complete`},
		{"prepare and execute", []event{rq(com(ComStmtPrepare, "p")), rs(packets(prepared, column, eof, column, eof)), rq(com(ComStmtExecute, u32(7)+"\x00"+u32(1))), rs(packets(ok)), q, rs(packets(ok))},
			"stmt_prepare #7 \"p\" complete\nstmt_execute #7 \"p\" 1: 3 affected complete\nquery \"q\" 1: 3 affected complete"},
		{"pipelined, last prepared", []event{rq(com(ComStmtPrepare, "p"), com(ComStmtExecute, u32(1<<32-1)+"\x00"+u32(1))), rs(packets(prepared, column, column), packets(ok))},
			"stmt_prepare #7 \"p\" complete\nstmt_execute \"p\" 1: 3 affected complete"},
		{"closed", []event{rq(com(ComStmtPrepare, "p")), rs(packets(prepared, column, column)), rq(com(ComStmtClose, u32(7))), rq(com(ComStmtReset, u32(7))), rs(packets(failed))},
			"stmt_prepare #7 \"p\" complete\nstmt_close #7 \"p\" one way\nstmt_reset #7 error 1064 42000 complete"},
		{"attributes", []event{rq(com(ComQuery, "\x00\x01select 1")), rs(packets(ok)), rq(com(ComQuery, "\x01\x01\x00\x01\xfe\x00\x01n\x01vselect 2")), rs(packets(ok))},
			"query \"select 1\" 1: 3 affected complete\nquery \"select 2\" 1: 3 affected complete"},
		{"change of user", []event{rq(com(ComChangeUser, "bob\x00\x04HASHshop\x00\x21\x00x\x00")), rs(packets("\xfeplugin\x00salt\x00")), rq(pkt(2, "HASH")), rs(pkt(3, ok)), q, rs(packets(ok))},
			"change_user complete\nquery \"q\" db=shop 1: 3 affected complete"},
		{"use among several", []event{rq(com(ComQuery, "use x")), rs(packets(ok)), q, rs(packets(failed)), rq(com(ComQuery, "select 1; /* c */ use y")), rs(packets(ok)), q, rs(packets(failed))},
			"query \"use x\" 1: 3 affected complete\nquery \"q\" db=x error 1064 42000 complete\nquery \"select 1; /* c */ use y\" db=x 1: 3 affected complete\nquery \"q\" error 1064 42000 complete"},
		{"use", []event{rq(com(ComQuery, "USE `a b`")), rs(packets(ok)), rq(com(ComQuery, "use x")), rs(packets(ok)), q, rs(packets(failed))},
			"query \"USE `a b`\" 1: 3 affected complete\nquery \"use x\" 1: 3 affected complete\nquery \"q\" db=x error 1064 42000 complete"},
		{"joined in a response", []event{rs("\x05\x00\x00\x09row42"), q, rs(packets(ok))}, `query "q" 1: 3 affected complete`},
		{"no response", []event{q, {Dir: Response, Bytes: ""}}, `query "q" no response`},
		{"response cut", []event{q, rs(packets("\x01", column)), {Dir: Response, Bytes: ""}}, `query "q" 0 rows response cut`},
		{"above 16 MiB", []event{rq("\xff\xff\xff\x00\x03", strings.Repeat("q", maxPacket-1), pkt(1, "qqq")), rs(pkt(2, ok)), q, rs(packets(ok))},
			"query \"" + strings.Repeat("q", 8192) + "\"... 1: 3 affected complete\nquery \"q\" 1: 3 affected complete"},
	} {
		c := newConn(t, Options{})
		c.play(tt.ev, whole, whole, false)
		if got := c.close(); got != tt.want {
			t.Errorf("%s:\n%.400s\nwant:\n%.400s\n%+v", tt.name, got, tt.want, *c.cfg.Stats())
		}
	}
}

// A server may read the header of a command and then the rest, also where what it
// read before was not captured.
func TestHeaderAlone(t *testing.T) {
	const q = "\x05\x00\x00\x00\x03SEL"
	segment := func(p *Parser, d Direction, data string, n int64) {
		p.Segment(d, &Segment{Data: []byte(data), Len: n, Start: 1, End: 1})
	}
	for name, want := range map[string]string{"\x03SELE": `query "SELE" 1: 3 affected complete`, "zSELE": ""} {
		c := newConn(t, Options{})
		segment(c.p, Response, packets(hello), int64(len(packets(hello))))
		segment(c.p, Request, "", 191) // the password
		segment(c.p, Response, pkt(2, ok), int64(len(pkt(2, ok))))
		segment(c.p, Request, q[:4], 4)
		segment(c.p, Request, name, 5)
		segment(c.p, Response, packets(ok), int64(len(packets(ok))))
		if got := c.close(); got != want {
			t.Errorf("%q: %s\nwant: %s", name, got, want)
		}
	}
}

func TestEnds(t *testing.T) {
	login := func(caps uint32) event { return rq(loginPacket(caps|rawCaps, "app", "shop")) }
	for _, tt := range []struct {
		name string
		ev   []event
		want Stats
	}{
		{"TLS", []event{rs(pkt(0, hello)), rq(pkt(1, u32(rawCaps|capTLS)+strings.Repeat("\x00", 28)))}, Stats{Logins: 1, Encrypted: 1}},
		{"compressed", []event{rs(pkt(0, hello)), login(capCompress), rs(pkt(2, ok))}, Stats{Logins: 1, Compressed: 1}},
		{"zstd", []event{rs(pkt(0, hello)), login(capZstd), rs(pkt(2, ok))}, Stats{Logins: 1, Compressed: 1}},
		{"before 4.1", []event{rs(pkt(0, hello)), rq(pkt(1, "\x05\x00\x00\x00\x00app\x00pw"))}, Stats{Logins: 1, OldProtocols: 1}},
		{"replication", []event{rq(com(ComBinlogDump, "\x04\x00\x00\x00\x00\x00\x01\x00\x00\x00binlog"))}, Stats{Requests: 1, Exchanges: 1, Replication: 1}},
	} {
		c := newConn(t, Options{})
		c.play(tt.ev, whole, whole, false)
		if !c.p.Done() || *c.cfg.Stats() != tt.want {
			t.Errorf("%s: %+v", tt.name, *c.cfg.Stats())
		}
	}
	c := newConn(t, Options{})
	c.play([]event{rs(pkt(0, hello)), login(0), rs(pkt(2, "\xff\x15\x04#28000Access denied"))}, whole, whole, false)
	if *c.cfg.Stats() != (Stats{Logins: 1, LoginErrors: 1}) {
		t.Errorf("refused: %+v", *c.cfg.Stats())
	}
}

// Authentication data is kept nowhere, however the login is cut.
func TestNoSecrets(t *testing.T) {
	const secret = "correcthorsebattery!"
	login := pkt(1, u32(rawCaps)+u32(1<<24)+"\x21"+strings.Repeat("\x00", 23)+"app\x00"+string(rune(len(secret)))+secret+"shop\x00plugin\x00")
	for _, at := range []int{1 << 20, 1, 7, 40} {
		var user, db string
		p := NewConfig(Options{}).NewParser(func(x *Exchange) { user, db = string(x.User), string(x.Database) })
		for _, e := range []event{rs(pkt(0, hello)), rq(login), rs(pkt(2, "\xfeplugin\x00salt\x00")), rq(pkt(3, secret)), rs(pkt(4, ok)), rq(com(ComPing, "")), rs(packets(ok))} {
			for b := e.Bytes; len(b) > 0; b = b[min(at, len(b)):] {
				piece := b[:min(at, len(b))]
				p.Segment(e.Dir, &Segment{Data: []byte(piece), Len: int64(len(piece))})
				for _, k := range [][]byte{p.dir[0].buf[:cap(p.dir[0].buf)], p.dir[1].buf[:cap(p.dir[1].buf)], p.user[:cap(p.user)], p.nextDB[:cap(p.nextDB)]} {
					if strings.Contains(string(k), "hors") {
						t.Fatalf("kept %q", k)
					}
				}
			}
		}
		if user != "app" || db != "shop" {
			t.Errorf("user %q, database %q", user, db)
		}
	}
}

// Rows hidden by the capture: the response ends all the same.
func TestHiddenRows(t *testing.T) {
	rows := []string{"\x01", column, eof}
	for range 50 {
		rows = append(rows, "\x64"+strings.Repeat("r", 100))
	}
	q, r := rq(com(ComQuery, "q")), rq(com(ComQuery, "r"))
	for _, tt := range []struct {
		name string
		last bool
		ev   []event
		want string
	}{
		{"end seen", true, []event{q, rs(packets(append(rows, eof)...)), r, rs(packets(ok))}, "query \"q\" complete\nquery \"r\" 1: 3 affected complete"},
		{"end not seen", false, []event{q, rs(packets(append(rows, eof)...)), r, rs(packets(ok))}, "query \"q\" truncated\nquery \"r\" 1: 3 affected complete"},
		{"ambiguous", true, []event{rq(com(ComQuery, "q"), com(ComQuery, "r")), rs(packets(append(rows, eof)...)), rs(packets(ok)), rq(com(ComQuery, "s")), rs(packets(ok))},
			"query \"s\" 1: 3 affected complete"},
	} {
		c := newConn(t, Options{})
		c.play(tt.ev, whole, func(n int) int { return min(n, 300) }, tt.last)
		if got := c.close(); got != tt.want {
			t.Errorf("%s:\n%s\nwant:\n%s\n%+v", tt.name, got, tt.want, *c.cfg.Stats())
		}
	}
	c := newConn(t, Options{})
	c.play([]event{q, rs(packets(append(rows, eof)...))}, whole, func(n int) int { return min(n, 300) }, true)
	if c.p.Idle(0); len(c.got) != 1 {
		t.Errorf("silence after the end: %d exchanges", len(c.got))
	}
}

// What has no bound on the wire has one here.
func TestBounds(t *testing.T) {
	c := newConn(t, Options{MaxText: 32, MaxStatements: 3, MaxPipeline: 8})
	for i := range 20 {
		c.play([]event{rq(com(ComStmtPrepare, strings.Repeat("p", 10*i+1))), rs(packets("\x00" + u32(uint32(i)) + "\x00\x00\x00\x00\x00\x00\x00"))}, whole, whole, false)
	}
	c.play([]event{rq(strings.Repeat(com(ComPing, ""), 40))}, whole, whole, false)
	c.close()
	if s := c.cfg.Stats(); s.StatementsForgotten != 17 || s.DropOverflow != 32 || s.TextsCut == 0 {
		t.Errorf("%+v", *s)
	}
}
