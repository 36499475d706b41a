// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package memcached

import (
	"encoding/binary"
	"strings"
	"testing"
)

// reply makes a binary response.
func reply(op byte, status uint16, opaque uint32, extras, key, value string) string {
	b := packet(op, opaque, extras, key, value)
	b[0] = magicResponse
	binary.BigEndian.PutUint16(b[6:], status)
	return string(b)
}

func bin(op byte, opaque uint32, extras, key, value string) string {
	return string(packet(op, opaque, extras, key, value))
}

func TestExchanges(t *testing.T) {
	noop, noopReply := bin(0xa, 9, "", "", ""), reply(0xa, 0, 9, "", "", "")
	tests := []struct {
		name  string
		opts  Options
		steps []string
		want  []string // before Close
		close []string // by Close(CloseNormal)
		stats Stats    // checked where not zero, and all drops
	}{
		{name: "get and set", steps: []string{">set k 0 0 5\r\nhello\r\n", "<STORED\r\n", ">get k none\r\n", "<VALUE k 0 5\r\nhello\r\nEND\r\n"},
			want: []string{"set 1 STORED/-1 -1/-1 20/8 v5 complete", "get 2 END/-1 1/1 12/25 v5 complete"}},
		{name: "pipeline", steps: []string{">gets a b\r\nincr n 1\r\ndelete d\r\ntouch t 5\r\ngat 5 x y z\r\ncas c 0 0 1 77\r\nx\r\n",
			"<VALUE a 0 1 9\r\n1\r\nVALUE b 0 1 10\r\n2\r\nEND\r\n18\r\nNOT_FOUND\r\nTOUCHED\r\nVALUE y 0 0\r\n\r\nEND\r\nEXISTS\r\n"},
			want: []string{"gets 2 END/-1 2/0 10/42 v2 complete", "incr 1 /-1 1/0 10/4 v0 complete", "delete 1 NOT_FOUND/-1 0/1 10/11 v0 complete", "touch 1 TOUCHED/-1 1/0 11/9 v0 complete",
				"gat 3 END/-1 1/2 13/20 v0 complete", "cas 1 EXISTS/-1 -1/-1 19/8 v1 complete"}},
		{name: "noreply", steps: []string{">set a 0 0 1 noreply\r\nx\r\ndelete noreply\r\nflush_all noreply\r\nverbosity 1 noreply\r\nincr a 1 noreply\r\nget noreply\r\n", "<DELETED\r\nEND\r\n"},
			want: []string{"set 1 /-1 -1/-1 24/-1 v1 no reply ?", "flush_all 0 /-1 -1/-1 19/-1 v0 no reply ?", "verbosity 0 /-1 -1/-1 21/-1 v0 no reply ?", "incr 1 /-1 -1/-1 18/-1 v0 no reply ?",
				"delete 1 DELETED/-1 1/0 16/9 v0 complete", "get 1 END/-1 0/1 13/5 v0 complete"}},
		{name: "lists and errors", steps: []string{">stats\r\n", "<STAT pid 1\r\nSTAT x y z\r\nEND\r\n", ">stats reset\r\n", "<RESET\r\n", ">lru_crawler metadump all\r\n", "<key=averyverylongkeyname exp=1\r\nkey=b exp=1\r\nEND\r\n",
			">version\r\n", "<VERSION 1.6\r\n", ">nosuch k\r\n", "<ERROR\r\n", ">get\r\n", "<ERROR\r\n", ">set k 0 0 9999999\r\n{10000001}", "<SERVER_ERROR object too large for cache\r\n", ">get k\r\n", "<SERVER_ERROR out of memory\r\n"},
			want: []string{"stats 0 END/-1 -1/-1 7/29 v0 complete", "stats 0 RESET/-1 -1/-1 13/7 v0 complete", "lru_crawler 0 END/-1 -1/-1 26/50 v0 complete", "version 0 VERSION/-1 -1/-1 9/13 v0 complete",
				" 0 ERROR/-1 -1/-1 10/7 v0 complete failed", "get 0 ERROR/-1 -1/-1 5/7 v0 complete failed", "set 1 SERVER_ERROR/-1 -1/-1 10000020/41 v9999999 complete failed", "get 1 SERVER_ERROR/-1 -1/-1 7/28 v0 complete failed"}},
		{name: "meta", steps: []string{">mg a v t\r\nmg b s k\r\nms c 2 T0\r\nhi\r\nmd d\r\nma n v\r\nme a\r\nmn\r\n", "<VA 1 t-1\r\nx\r\nEN\r\nHD\r\nNF\r\nVA 2\r\n17\r\nME a exp=-1\r\nMN\r\n"},
			want: []string{"mg 1 VA/-1 1/0 10/13 v1 complete", "mg 1 EN/-1 0/1 10/4 v0 complete", "ms 1 HD/-1 -1/-1 15/4 v2 complete", "md 1 NF/-1 0/1 6/4 v0 complete", "ma 1 VA/-1 1/0 8/10 v2 complete",
				"me 1 ME/-1 1/0 6/13 v0 complete", "mn 0 MN/-1 -1/-1 4/4 v0 complete"}},
		{name: "quiet, told by opaque and key", steps: []string{">mg a v q O1\r\nmg b v q O2\r\nmg c v q k\r\nmg d v q k\r\nms e 1 q\r\nx\r\nmn\r\n", "<VA 1 O2\r\nx\r\nVA 1 kd\r\ny\r\nMN\r\n"},
			want: []string{"mg 1 /-1 0/1 13/-1 v0 quiet", "mg 1 VA/-1 1/0 13/12 v1 complete", "mg 1 /-1 0/1 12/-1 v0 quiet", "mg 1 VA/-1 1/0 12/12 v1 complete", "ms 1 /-1 -1/-1 13/-1 v1 quiet", "mn 0 MN/-1 -1/-1 4/4 v0 complete"}},
		{name: "quiet, not told", steps: []string{">mg a v q\r\nmg b v q\r\nms c 0 q\r\n\r\nmn\r\n", "<VA 1\r\nx\r\nMN\r\n"},
			want: []string{"mg 1 /-1 -1/-1 10/-1 v0 quiet ?", "mg 1 /-1 -1/-1 10/-1 v0 quiet ?", "ms 1 /-1 -1/-1 12/-1 v0 quiet", "mn 0 MN/-1 -1/-1 4/4 v0 complete"}},
		{name: "quiet, perhaps the last", steps: []string{">mg a v q\r\nmg b v\r\n", "<VA 1\r\nx\r\nEN\r\n", ">get k\r\n", "<END\r\n"},
			want: []string{"get 1 END/-1 0/1 7/5 v0 complete"}, stats: Stats{DropAmbiguous: 2, OrphanResponses: 1}},
		{name: "binary", opts: Options{Keys: true}, steps: []string{">" + bin(1, 1, "12345678", "k", "value") + bin(0, 2, "", "k", "") + bin(0, 3, "", "none", "") + bin(4, 4, "", "k", "") + bin(0x21, 5, "", "PLAIN", "\x00u\x00s3cret"),
			"<" + reply(1, 0, 1, "", "", "") + reply(0, 0, 2, "1234", "", "value") + reply(0, 1, 3, "", "", "Not found") + reply(4, 0, 4, "", "", "") + reply(0x21, 0x20, 5, "", "", "Auth failure")},
			want: []string{"set 1 /0 -1/-1 38/24 v5 complete keys=[k]", "get 1 /0 1/0 25/33 v5 complete keys=[k]", "get 1 /1 0/1 28/33 v0 complete keys=[none]", "delete 1 /0 1/0 25/24 v0 complete keys=[k]", "sasl_auth 0 /32 -1/-1 38/36 v0 complete failed"}},
		{name: "binary quiet gets", steps: []string{">" + bin(0xd, 0, "", "a", "") + bin(0xd, 0, "", "b", "") + bin(0xd, 0, "", "c", "") + noop, "<" + reply(0xd, 0, 0, "1234", "b", "v") + noopReply},
			want: []string{"getkq 1 /-1 0/1 25/-1 v0 quiet", "getkq 1 /0 1/0 25/30 v1 complete", "getkq 1 /-1 0/1 25/-1 v0 quiet", "noop 0 /0 -1/-1 24/24 v0 complete"}},
		{name: "binary quiet, same opaque", steps: []string{">" + bin(9, 0, "", "a", "") + bin(9, 0, "", "b", "") + bin(0x11, 0, "12345678", "c", "") + noop, "<" + reply(9, 0, 0, "1234", "", "v") + noopReply},
			want: []string{"getq 1 /-1 -1/-1 25/-1 v0 quiet ?", "getq 1 /-1 -1/-1 25/-1 v0 quiet ?", "setq 1 /-1 -1/-1 33/-1 v0 quiet", "noop 0 /0 -1/-1 24/24 v0 complete"}},
		{name: "binary statistics", steps: []string{">" + bin(0x10, 1, "", "items", ""), "<" + reply(0x10, 0, 1, "", "pid", "1") + reply(0x10, 0, 1, "", "x", "2"), "<" + reply(0x10, 0, 1, "", "", "")},
			want: []string{"stat 0 /0 -1/-1 29/78 v0 complete"}},
		{name: "big values in holes", steps: []string{">set k 0 0 100000\r\nabc{99999}", "<STORED\r\n", ">get k\r\n", "<VALUE k 0 100000\r\nabc{99999}", "<END\r\n", ">" + bin(1, 1, "12345678", "k", strings.Repeat("x", 10))[:40] + "{3}", "<" + reply(1, 0, 1, "", "", "")},
			want: []string{"set 1 STORED/-1 -1/-1 100020/8 v100000 complete", "get 1 END/-1 1/0 7/100025 v100000 complete", "set 1 /0 -1/-1 43/24 v10 complete"}},
		{name: "response's end in a hole", steps: []string{">get a b\r\n", "<VALUE a 0 5\r\nab{100}", ">get k\r\n", "<END\r\n"},
			want: []string{"get 2 /-1 -1/-1 9/-1 v-1 truncated ?", "get 1 END/-1 0/1 7/5 v0 complete"}, stats: Stats{CutResponses: 1}},
		{name: "pipelined responses in a hole", steps: []string{">get a\r\nget b\r\nget c\r\n", "<END\r\nVALUE b 0 5\r\nx{50}", ">get k\r\n", "<END\r\n"},
			want: []string{"get 1 END/-1 0/1 7/5 v0 complete", "get 1 /-1 -1/-1 7/-1 v-1 truncated ?", "get 1 END/-1 0/1 7/5 v0 complete"}, stats: Stats{DropAmbiguous: 1}},
		{name: "commands in a hole", steps: []string{">get a\r\nget bbb{50}", "<END\r\nEND\r\nSTORED\r\n", ">get k\r\n", "<END\r\n"},
			want: []string{"get 1 END/-1 0/1 7/5 v0 complete", "get -1 END/-1 -1/-1 -1/5 v0 complete", "get 1 END/-1 0/1 7/5 v0 complete"}, stats: Stats{OrphanResponses: 1, CutRequests: 1}},
		{name: "set cut in its line", steps: []string{">set a{50}", "<STORED\r\n", ">get k\r\n", "<END\r\n"},
			want: []string{"get 1 END/-1 0/1 7/5 v0 complete"}, stats: Stats{DropAmbiguous: 1}},
		{name: "lost response", steps: []string{">get a\r\n", "<SKIP 5", ">get k\r\n", "<END\r\n"},
			want: []string{"get 1 END/-1 0/1 7/5 v0 complete"}, stats: Stats{DropNoStatus: 1}},
		{name: "wrong pairing shows", steps: []string{">get a\r\n", "<STORED\r\n", ">get k\r\n", "<END\r\n"},
			want: []string{"get 1 END/-1 0/1 7/5 v0 complete"}, stats: Stats{DropAmbiguous: 1, Mismatches: 1}},
		{name: "joined in data", steps: []string{">lue\r\nget a\r\n", "<STORED\r\nEND\r\n", ">get k\r\n", "<END\r\n"},
			want: []string{"get 1 END/-1 0/1 7/5 v0 complete"}},
		{name: "joined in a response", steps: []string{"<lue\r\nEND\r\n", ">get k\r\n", "<END\r\n"},
			want: []string{"get 1 END/-1 0/1 7/5 v0 complete"}},
		{name: "keys", opts: Options{Keys: true, MaxKeys: 2}, steps: []string{">get a b c\r\n", "<END\r\n", ">gat 5 x\r\n", "<END\r\n", ">set k 0 0 1\r\nx\r\n", "<STORED\r\n", ">get " + strings.Repeat("k", 300) + "\r\n", "<CLIENT_ERROR\r\n"},
			want: []string{"get 3 END/-1 0/3 11/5 v0 complete keys=[a b]+", "gat 1 END/-1 0/1 9/5 v0 complete keys=[x]", "set 1 STORED/-1 -1/-1 16/8 v1 complete keys=[k]",
				"get 1 CLIENT_ERROR/-1 -1/-1 306/14 v0 complete failed keys=[" + strings.Repeat("k", 250) + "]+"}},
		{name: "watch", steps: []string{">watch fetchers\r\nget k\r\n", "<OK\r\nts=1 gid=1 type=x\r\n"}, want: []string{"watch 0 OK/-1 -1/-1 16/4 v0 complete"}, stats: Stats{DropEnded: 1}},
		{name: "quit", steps: []string{">quit\r\n"}, want: []string{"quit 0 /-1 -1/-1 6/-1 v0 no reply ?"}},
		{name: "close", steps: []string{">get a\r\nget b\r\nset c 0 0 5\r\nab", "<VALUE a 0 5\r\nab"},
			close: []string{"get 1 /-1 -1/-1 7/15 v5 response cut ?", "get 1 /-1 -1/-1 7/-1 v0 no response ?", "set 1 /-1 -1/-1 15/-1 v5 no response ?"}},
		{name: "overflow", opts: Options{MaxPipeline: 1}, steps: []string{">get a\r\nget b\r\n", "<END\r\nEND\r\n", ">get c\r\n", "<END\r\n"},
			want: []string{"get 1 END/-1 0/1 7/5 v0 complete", "get 1 END/-1 0/1 7/5 v0 complete"}, stats: Stats{DropOverflow: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newConn(t, tt.opts)
			c.steps(tt.steps...)
			equal(t, "before close", c.got, tt.want)
			n := len(c.got)
			c.p.Close(CloseNormal, c.now)
			c.check()
			equal(t, "by close", c.got[n:], tt.close)
			if c.p.Pending() != 0 || !c.p.Done() {
				t.Errorf("%d pending", c.p.Pending())
			}
			s, w := *c.cfg.Stats(), tt.stats
			for i, x := range [][2]uint64{{s.DropOverflow, w.DropOverflow}, {s.DropAmbiguous, w.DropAmbiguous}, {s.DropNoStatus, w.DropNoStatus}, {s.DropEnded, w.DropEnded},
				{s.Mismatches, w.Mismatches}, {s.OrphanResponses, w.OrphanResponses}, {s.CutRequests, w.CutRequests}, {s.CutResponses, w.CutResponses}} {
				if x[0] != x[1] && (i < 5 || x[1] != 0) {
					t.Errorf("got %+v\nwant %+v", s, w)
					break
				}
			}
		})
	}
}

// Times, tags and the length of a run of commands.
func TestTimes(t *testing.T) {
	c := newConn(t, Options{})
	c.steps(">get a\r\nge", ">t b\r\n", "<END\r\nVALUE b 0 1\r\n", "<x\r\nEND\r\n", ">get c\r\n", "<END\r\n")
	if len(c.all) != 3 {
		t.Fatal(c.got)
	}
	a, b := c.all[0], c.all[1]
	if a.RequestStart != 10 || a.RequestEnd != 15 || a.ResponseStart != 30 || a.ResponseEnd != 35 || a.End != 35 || a.RequestTag.Seq != 10 || a.ResponseTag.Seq != 30 {
		t.Errorf("%+v", a)
	}
	if b.RequestStart != 10 || b.RequestEnd != 25 || b.ResponseStart != 30 || b.ResponseEnd != 45 || a.Batch != 2 || b.Batch != 2 || c.all[2].Batch != 1 {
		t.Errorf("%+v", b)
	}
}

// The payload of authentication is never in the parser's memory.
func TestSecretsNotKept(t *testing.T) {
	for _, cut := range []int{1, 3, 1000} {
		c := newConn(t, Options{Keys: true})
		in := "set auth 0 0 12\r\nuser s3cret!\r\n" + bin(0x21, 1, "", "PLAIN", "\x00u\x00s3cret") + bin(0x22, 1, "", "PLAIN", "s3cret")
		for len(in) > 0 {
			n := min(cut, len(in))
			c.p.Segment(Request, &Segment{Data: []byte(in[:n]), Len: int64(n)})
			in = in[n:]
			held := append(c.p.req.line.word[:], c.p.req.header.b[:]...)
			for i := range c.p.q.ring {
				held = append(held, c.p.q.ring[i].buf[:cap(c.p.q.ring[i].buf)]...)
			}
			if strings.Contains(string(held), "s3c") {
				t.Fatalf("held: %q", held)
			}
		}
		c.p.Close(CloseNormal, 0)
		if len(c.got) != 3 {
			t.Errorf("%q", c.got)
		}
	}
}

func TestRecognize(t *testing.T) {
	for s, want := range map[string]struct {
		d Direction
		v Verdict
	}{
		"get k\r\n": {Request, Yes}, "get k": {Request, NeedMore}, "ge": {Request, NeedMore}, "set k 0 0 5\r\nhel": {Request, Yes}, "set k v\r\n": {Request, No}, "mn\r\n": {Request, Yes}, "stats\r\n": {Request, NeedMore},
		"STORED\r\n": {Response, Yes}, "VALUE k 0 5\r\nhello": {Response, Yes}, "END\r\n": {Response, NeedMore}, "VA 3 t1\r\n": {Response, Yes}, "17\r\n": {Response, No}, "ERROR\r\n": {Response, NeedMore},
		bin(0, 1, "", "k", ""): {Request, Yes}, reply(0, 0, 1, "1234", "", "v"): {Response, Yes}, "\x80\x00\x00": {Request, NeedMore}, "\x80\x00\x00\x01\x04\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00": {Request, No},
		"GET / HTTP/1.1\r\n": {Request, No}, "get / HTTP/1.1\r\n": {Request, No}, "HTTP/1.1 200 OK\r\n": {Request, No}, "*1\r\n$4\r\nPING\r\n": {Request, No}, "+OK\r\n": {Request, No}, "SSH-2.0-x\r\n": {Request, No},
		"\x16\x03\x01\x02\x00": {Request, No}, "\x80\x2e\x01\x03\x01": {Request, No}, "": {Request, NeedMore},
	} {
		if d, v := Recognize([]byte(s)); v != want.v || v != No && d != want.d {
			t.Errorf("%q: %d %d, want %v", s, d, v, want)
		}
	}
}
