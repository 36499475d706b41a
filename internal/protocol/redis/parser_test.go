// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"strings"
	"testing"
)

func TestExchanges(t *testing.T) {
	long := strings.Repeat("x", 40)
	tests := []struct {
		name  string
		opts  Options
		steps []string
		want  []string // before Close
		close []string // by Close(CloseNormal)
		stats Stats    // checked where not zero
	}{
		{name: "one", steps: []string{"> SET k v", "<+OK\r\n", "> get k", "<$1\r\nv\r\n"},
			want: []string{"SET 2 + 27/5 complete", "GET 1 $ 20/7 complete"}},
		{name: "pipeline", steps: []string{">" + cmd("INCR a") + cmd("GET a") + cmd("LRANGE l 0 1"), "<:1\r\n$1\r\n1\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n"},
			want: []string{"INCR 1 : 21/4 complete", "GET 1 $ 20/7 complete", "LRANGE 3 *2 37/18 complete"}},
		{name: "errors", steps: []string{"> GET k", "<-MOVED 3999 127.0.0.1:6381\r\n", "> GET k", "<-WRONGTYPE Operation against\r\n",
			"> GET k", "<!21\r\nSYNTAX invalid syntax\r\n", "> EVAL x 0", "<-My own error\r\n", "> GET k", "<-ERR\r\n"},
			want: []string{"GET 1 -MOVED 20/28 complete", "GET 1 -WRONGTYPE 20/30 complete", "GET 1 !SYNTAX 20/28 complete",
				"EVAL 2 - 28/15 complete failed", "GET 1 -ERR 20/6 complete"}},
		{name: "nulls", steps: []string{"> GET k", "<$-1\r\n", "> GET k", "<_\r\n", "> BLPOP k 0", "<*-1\r\n"},
			want: []string{"GET 1 _ 20/5 complete", "GET 1 _ 20/3 complete", "BLPOP 2 _ 29/5 complete"}},
		{name: "nested, maps, attributes", steps: []string{"> XRANGE s - +", "<*1\r\n*2\r\n$3\r\n1-0\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n",
			"> HGETALL h", "<%1\r\n+a\r\n*0\r\n", "> GET k", "<|1\r\n+ttl\r\n:5\r\n$1\r\nv\r\n", "> DEBUG x", "<~3\r\n#t\r\n,1.5\r\n(123456789012345678901234567890\r\n"},
			want: []string{"XRANGE 3 *1 37/35 complete", "HGETALL 1 %1 24/12 complete", "GET 1 $ 20/21 complete", "DEBUG 1 ~3 22/47 complete"}},
		{name: "big value in a hole", steps: []string{"> GET k", "<$100000\r\nabc{99999}", "> SET k v", "<+OK\r\n"},
			want: []string{"GET 1 $ 20/100011 complete", "SET 2 + 27/5 complete"}},
		{name: "big argument in a hole", steps: []string{">*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$50000\r\nx{50001}", "<+OK\r\n", "> GET k", "<$-1\r\n"},
			want: []string{"SET 2 + 50030/5 complete", "GET 1 _ 20/5 complete"}},
		{name: "reply's end in a hole", steps: []string{"> MGET a b", "<*2\r\n$50\r\nabc{60}", "> GET k", "<$-1\r\n"},
			want: []string{"MGET 2 *2 28/-1 truncated", "GET 1 _ 20/5 complete"}, stats: Stats{CutReplies: 1, Gaps: 1}},
		{name: "reply's end in a hole, silence", steps: []string{"> MGET a b", "<*2\r\n$50\r\nabc{60}", "<IDLE"},
			want: []string{"MGET 2 *2 28/-1 truncated"}},
		{name: "reply's end in a hole, close", steps: []string{"> MGET a b", "<*2\r\n$50\r\nabc{60}"},
			close: []string{"MGET 2 *2 28/-1 truncated"}},
		{name: "pipelined replies in a hole", steps: []string{">" + cmd("GET a") + cmd("GET b") + cmd("GET c"), "<$1\r\na\r\n$5\r\nbb{40}", "> GET k", "<$-1\r\n"},
			want:  []string{"GET 1 $ 20/7 complete", "GET 1 $ 20/11 complete", "GET 1 _ 20/5 complete"},
			stats: Stats{DropNoStatus: 1}},
		{name: "pipelined commands in a hole", steps: []string{">" + cmd("GET a") + cmd("GET b") + "*2\r\n$3{100}", "<$1\r\na\r\n", "> GET x", "<$1\r\nb\r\n$1\r\nc\r\n$1\r\nx\r\n", "> GET k", "<$-1\r\n"},
			want:  []string{"GET 1 $ 20/7 complete", "GET 1 $ 20/7 complete", "GET 1 _ 20/5 complete"},
			stats: Stats{DropAmbiguous: 1, OrphanReplies: 2, CutRequests: 1}},
		{name: "command cut by a hole", steps: []string{"> GET z", "<$-1\r\n", ">*5\r\n$4\r\nMSET\r\n$1\r\na\r\n$9\r\nx{100}", "<+OK\r\n", "> GET k", "<$-1\r\n"},
			want: []string{"GET 1 _ 20/5 complete", "MSET -1 + -1/5 complete", "GET 1 _ 20/5 complete"}},
		{name: "lost reply", steps: []string{"> GET a", "<SKIP 7", "> GET k", "<$-1\r\n"},
			want: []string{"GET 1 _ 20/5 complete"}, stats: Stats{DropNoStatus: 1}},
		{name: "wrong pairing shows", steps: []string{"> GET a", "<:1\r\n", "> GET k", "<$-1\r\n"},
			want: []string{"GET 1 _ 20/5 complete"}, stats: Stats{DropAmbiguous: 1, Mismatches: 1, OrphanReplies: 1}},
		{name: "joined in a reply", steps: []string{"<bc\r\n$1\r\na\r\n", "> GET k", "<$-1\r\n"},
			want: []string{"GET 1 _ 20/5 complete"}, stats: Stats{SkippedBytes: 11}},
		{name: "joined in a command", steps: []string{">lue\r\n", "> GET a", "<+OK\r\n$-1\r\n", "> GET k", "<$-1\r\n"},
			want: []string{"GET 1 _ 20/5 complete"}, stats: Stats{DropAmbiguous: 1}},
		{name: "transaction", steps: []string{"> MULTI", "<+OK\r\n", "> SET a 1", "<+QUEUED\r\n", "> LPUSH a 1", "<+QUEUED\r\n", "> HGETALL h", "<+QUEUED\r\n",
			"> EXEC", "<*3\r\n+OK\r\n-WRONGTYPE x\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n"},
			want: []string{"MULTI 0 + 15/5 complete", "SET 2 + 27/5 complete tx", "LPUSH 2 -WRONGTYPE 29/14 complete tx", "HGETALL 1 *2 24/18 complete tx", "EXEC 0 *3 14/41 complete"}},
		{name: "transaction in one segment", steps: []string{">" + cmd("MULTI") + cmd("GET a") + cmd("SELECT 3") + cmd("EXEC") + cmd("PING"),
			"<+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n$-1\r\n+OK\r\n+PONG\r\n"},
			want: []string{"MULTI 0 + 15/5 complete", "GET 1 _ 20/5 complete tx", "SELECT 1 + 23/5 complete tx", "EXEC 0 *2 14/14 complete db3", "PING 0 + 14/7 complete db3"}},
		{name: "aborted transactions", steps: []string{">" + cmd("MULTI") + cmd("GET a") + cmd("NOSUCH x") + cmd("GET b") + cmd("EXEC"),
			"<+OK\r\n+QUEUED\r\n-ERR unknown command\r\n+QUEUED\r\n-EXECABORT Transaction discarded\r\n",
			">" + cmd("MULTI") + cmd("GET a") + cmd("DISCARD"), "<+OK\r\n+QUEUED\r\n+OK\r\n", ">" + cmd("MULTI") + cmd("GET a") + cmd("EXEC"), "<+OK\r\n+QUEUED\r\n*-1\r\n"},
			want: []string{"MULTI 0 + 15/5 complete", "NOSUCH 1 -ERR 23/22 complete", "GET 1 - 20/-1 not executed tx", "GET 1 - 20/-1 not executed tx", "EXEC 0 -EXECABORT 14/34 complete",
				"MULTI 0 + 15/5 complete", "GET 1 - 20/-1 not executed tx", "DISCARD 0 + 17/5 complete",
				"MULTI 0 + 15/5 complete", "GET 1 - 20/-1 not executed tx", "EXEC 0 _ 14/5 complete"}},
		{name: "transaction joined late", steps: []string{"> GET b", "<+QUEUED\r\n", "> EXEC", "<*2\r\n+OK\r\n$-1\r\n", "> GET k", "<$-1\r\n"},
			want: []string{"EXEC 0 *2 14/14 complete", "GET 1 _ 20/5 complete"}, stats: Stats{DropAmbiguous: 1}},
		{name: "results in a hole", steps: []string{"> MULTI", "<+OK\r\n", "> GET a", "<+QUEUED\r\n", "> GET b", "<+QUEUED\r\n", "> EXEC", "<*2\r\n$1\r\na\r\n{20}", "> GET k", "<$-1\r\n"},
			want:  []string{"MULTI 0 + 15/5 complete", "GET 1 $ 20/7 complete tx", "EXEC 0 *2 14/-1 truncated", "GET 1 _ 20/5 complete"},
			stats: Stats{DropNoStatus: 1}},
		{name: "pub/sub RESP2", steps: []string{"> SUBSCRIBE a b", "<*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n",
			"<*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n", "> PING", "<*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n*2\r\n$4\r\npong\r\n$0\r\n\r\n",
			"> UNSUBSCRIBE", "<*3\r\n$11\r\nunsubscribe\r\n$1\r\nb\r\n:1\r\n*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:0\r\n", "> LRANGE l 0 -1", "<*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n"},
			want: []string{"SUBSCRIBE 2 *3 33/60 complete", "PING 0 *2 14/20 complete", "UNSUBSCRIBE 0 *3 22/33 complete", "LRANGE 3 *3 38/31 complete"}, stats: Stats{Pushes: 3}},
		{name: "pub/sub RESP3", steps: []string{">" + cmd("SUBSCRIBE a") + cmd("GET k"), "<>3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n>3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n$1\r\nv\r\n>2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n"},
			want: []string{"SUBSCRIBE 1 >3 26/30 complete", "GET 1 $ 20/7 complete"}, stats: Stats{Pushes: 2}},
		{name: "messages joined late", steps: []string{"<*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n", "> PING", "<*4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$1\r\na\r\n$2\r\nhi\r\n*2\r\n$4\r\npong\r\n$0\r\n\r\n"},
			want: []string{"PING 0 *2 14/20 complete"}, stats: Stats{Pushes: 2}},
		{name: "reply modes", steps: []string{">" + cmd("CLIENT REPLY SKIP") + cmd("SET a 1") + cmd("GET a") + cmd("CLIENT REPLY OFF") + cmd("SET a 2"), "<$1\r\n1\r\n",
			">" + cmd("INCR a") + cmd("client reply on") + cmd("INCR a"), "<+OK\r\n:4\r\n"},
			want: []string{"CLIENT REPLY 2 - 37/-1 no reply", "SET 2 - 27/-1 no reply", "CLIENT REPLY 2 - 36/-1 no reply", "SET 2 - 27/-1 no reply", "GET 1 $ 20/7 complete",
				"INCR 1 - 21/-1 no reply", "CLIENT REPLY 2 + 35/5 complete", "INCR 1 : 21/4 complete"}},
		{name: "inline", opts: Options{Keys: true}, steps: []string{">\r\nset \"a b\" 'c\\'d'\r\n", "<+OK\r\n", ">GET \"a \\", ">\" b\"\nPING\n", "<$1\r\nv\r\n+PONG\r\n"},
			want: []string{"SET 2 + 18/5 complete keys=[a b]", "GET 1 $ 13/7 complete keys=[a \" b]", "PING 0 + 5/7 complete"}},
		{name: "sub-commands", steps: []string{"> config get maxmemory", "<*0\r\n", "> CONFIG HACK x", "<-ERR unknown subcommand\r\n", "> COMMAND", "<*0\r\n", "> FT.SEARCH i q", "<*0\r\n", ">*1\r\n$3\r\na b\r\n", "<-ERR unknown command\r\n"},
			want: []string{"CONFIG GET 2 *0 40/4 complete", "CONFIG 2 -ERR 33/25 complete", "COMMAND 0 *0 17/4 complete", "FT.SEARCH 2 *0 33/4 complete", " 0 -ERR 13/22 complete"}},
		{name: "keys", opts: Options{Keys: true, MaxKeys: 3, MaxKey: 10}, steps: []string{"> MSET a 1 b 2", "<+OK\r\n", "> EVAL s 2 k1 k2 a", "<:1\r\n", "> ZUNIONSTORE d 2 x y WEIGHTS 1 2", "<:1\r\n",
			"> XREADGROUP GROUP g c COUNT 1 STREAMS s1 s2 > >", "<*-1\r\n", "> BLPOP a b 5", "<*-1\r\n", "> GET " + long, "<$-1\r\n", "> DEL a b c d", "<:1\r\n", "> OBJECT ENCODING o", "<$3\r\nraw\r\n", "> AUTH u p", "<+OK\r\n"},
			want: []string{"MSET 4 + 42/5 complete keys=[a b]", "EVAL 5 : 51/4 complete keys=[k1 k2]", "ZUNIONSTORE 7 : 77/4 complete keys=[d x y]",
				"XREADGROUP 10 _ 108/5 complete keys=[s1 s2]", "BLPOP 3 _ 36/5 complete keys=[a b]", "GET 1 _ 60/5 complete keys=[xxxxxxxxxx]+",
				"DEL 4 : 41/4 complete keys=[a b c]+", "OBJECT ENCODING 2 $ 37/9 complete keys=[o]", "AUTH 2 + 28/5 complete"}},
		{name: "scripts", steps: []string{"> EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0", "<:1\r\n", "> FCALL f 0", "<:1\r\n"},
			want: []string{"EVALSHA 2 : 71/4 complete script=e0e1f9fabfc9d4800c877a703b823ac0578ff8db", "FCALL 2 : 29/4 complete script=f"}},
		{name: "database", steps: []string{"> GET k", "<$-1\r\n", "> SELECT 5", "<+OK\r\n", "> SELECT 77", "<-ERR DB index is out of range\r\n", "> GET k", "<$-1\r\n", "> RESET", "<+RESET\r\n", "> GET k", "<$-1\r\n"},
			want: []string{"GET 1 _ 20/5 complete", "SELECT 1 + 23/5 complete", "SELECT 1 -ERR 24/31 complete db5", "GET 1 _ 20/5 complete db5", "RESET 0 + 15/8 complete db5", "GET 1 _ 20/5 complete db0"}},
		{name: "monitor", steps: []string{"> MONITOR", "<+OK\r\n+1700000000.1 [0 127.0.0.1:1] \"get\" \"k\"\r\n"},
			want: []string{"MONITOR 0 + 17/5 complete"}},
		{name: "replication", steps: []string{"> PSYNC ? -1", "<\n\n", "<+FULLRESYNC abc 0\r\n$100\r\nREDIS", "> REPLCONF ACK 0"},
			want: []string{"PSYNC 2 + 30/19 complete"}},
		{name: "replica joined late", steps: []string{"<*1\r\n$4\r\nPING\r\n", "> REPLCONF ACK 100", "<*1\r\n$4\r\nPING\r\n"}, stats: Stats{DropEnded: 1}},
		{name: "no reply yet", steps: []string{"> BLPOP k 0", "> GET k"}, close: []string{"BLPOP 2 - 29/-1 no response", "GET 1 - 20/-1 no response"}},
		{name: "cut reply", steps: []string{"> LRANGE k 0 -1", "<*2\r\n$3\r\nab"}, close: []string{"LRANGE 3 *2 38/10 response cut"}},
		{name: "answered while sent", steps: []string{">*2\r\n$3\r\nGET\r\n$99999999999\r\n", "<-ERR Protocol error: invalid bulk length\r\n"},
			want: []string{"GET -1 -ERR -1/42 complete"}, stats: Stats{UndecodableRequests: 1}},
		{name: "overflow", opts: Options{MaxPipeline: 2}, steps: []string{">" + cmd("GET a") + cmd("GET b") + cmd("GET c"), "<$-1\r\n$-1\r\n$-1\r\n", "> GET d", "<$-1\r\n"},
			want:  []string{"GET 1 _ 20/5 complete", "GET 1 _ 20/5 complete", "GET 1 _ 20/5 complete"},
			stats: Stats{DropOverflow: 1, OrphanReplies: 1}},
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
			for _, x := range [][2]uint64{{s.DropOverflow, w.DropOverflow}, {s.DropAmbiguous, w.DropAmbiguous}, {s.DropNoStatus, w.DropNoStatus},
				{s.DropEnded, w.DropEnded}, {s.Pushes, w.Pushes}, {s.Mismatches, w.Mismatches}} {
				if x[0] != x[1] {
					t.Errorf("got %+v\nwant %+v", s, w)
					break
				}
			}
			for _, x := range [][2]uint64{{s.OrphanReplies, w.OrphanReplies}, {s.CutRequests, w.CutRequests}, {s.CutReplies, w.CutReplies}, {s.Gaps, w.Gaps},
				{s.SkippedBytes, w.SkippedBytes}, {s.UndecodableRequests, w.UndecodableRequests}} {
				if x[1] != 0 && x[0] != x[1] {
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
	c.steps(">"+cmd("GET a")+"*2\r\n", ">$3\r\nGET\r\n$1\r\nb\r\n", "<$-1\r\n$3\r\na", "<bc\r\n", "> GET c", "<$-1\r\n")
	if len(c.all) != 3 {
		t.Fatal(c.got)
	}
	a, b := c.all[0], c.all[1]
	if a.RequestStart != 10 || a.RequestEnd != 15 || a.ResponseStart != 30 || a.ResponseEnd != 35 || a.End != 35 || a.RequestTag.Seq != 10 || a.ResponseTag.Seq != 30 {
		t.Errorf("%+v", a)
	}
	if b.RequestStart != 10 || b.RequestEnd != 25 || b.ResponseStart != 30 || b.ResponseEnd != 45 {
		t.Errorf("%+v", b)
	}
	if a.Batch != 2 || b.Batch != 2 || c.all[2].Batch != 1 {
		t.Errorf("batches %d %d %d", a.Batch, b.Batch, c.all[2].Batch)
	}
}

// No argument that may be a secret is ever in the parser's memory.
func TestSecretsNotKept(t *testing.T) {
	for _, cut := range []int{1, 3, 1000} {
		c := newConn(t, Options{Keys: true})
		held := func() string {
			var b strings.Builder
			b.Write(c.p.req.word.b[:])
			for i := range c.p.q.ring {
				b.Write(c.p.q.ring[i].buf[:cap(c.p.q.ring[i].buf)])
			}
			return b.String()
		}
		in := cmd("AUTH user s3cret") + cmd("HELLO 3 AUTH user s3cret SETNAME s3cret") + cmd("ACL SETUSER u >s3cret") + cmd("CONFIG SET requirepass s3cret") +
			cmd("MIGRATE h 1 k 0 5 AUTH s3cret") + "auth s3cret\r\n" + "AUTH \"s3cret\"\r\n" + cmd("CLIENT SETNAME s3cret") + cmd("SET k s3cret")
		for len(in) > 0 {
			n := min(cut, len(in))
			c.p.Segment(Request, &Segment{Data: []byte(in[:n]), Len: int64(n)})
			in = in[n:]
			if h := held(); strings.Contains(strings.ToLower(h), "s3c") {
				t.Fatalf("held: %q", h)
			}
		}
		c.p.Close(CloseNormal, 0)
		if len(c.got) != 9 || strings.Contains(strings.Join(c.got, "\n"), "s3c") {
			t.Errorf("%q", c.got)
		}
	}
}

func TestOpenedAndReset(t *testing.T) {
	c := newConn(t, Options{})
	c.p.Opened()
	c.steps("> GET a", "<$-1\r\n", "> GET b")
	c.p.Reset()
	c.steps("> GET c", "<$-1\r\n")
	equal(t, "reset", c.got, []string{"GET 1 _ 20/5 complete db0", "GET 1 - 20/-1 no response db0", "GET 1 _ 20/5 complete"})
}

func TestRecognize(t *testing.T) {
	for s, want := range map[string]struct {
		d Direction
		v Verdict
	}{
		cmd("GET k"): {Request, Yes}, cmd("config get k"): {Request, Yes}, "*2\r\n$3\r\nGE": {Request, NeedMore}, "*": {Request, NeedMore}, "*1\r\n": {Request, NeedMore},
		"*2\r\n$3\r\nfoo\r\n$1\r\na\r\n": {Request, NeedMore}, "*2\r\n$3\r\nfoo\r\n:1\r\n": {Response, Yes}, "$3\r\nabc\r\n": {Response, Yes}, "$100\r\nabc": {Response, NeedMore}, "$3\r\nabcd\r\n": {Response, No},
		":1\r\n": {Response, Yes}, "+PONG\r\n": {Response, Yes}, "+OK\r\n": {Response, NeedMore}, "-ERR x\r\n": {Response, NeedMore}, "-NOAUTH x\r\n": {Response, Yes},
		"-foo bar\r\n": {Response, No}, "+string\r\n": {Response, NeedMore}, "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n": {Response, Yes},
		"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n$1\r\nb\r\n": {Request, Yes}, "*3\r\n$9\r\nsubscribe\r\n$1\r\n": {Response, NeedMore}, cmd("subscribe a"): {Request, Yes},
		"*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n": {Response, Yes}, "%1\r\n$6\r\nserver\r\n": {Response, Yes}, "_\r\n": {Response, Yes}, "$-1\r\n": {Response, Yes}, ">3\r\n$7\r\nmessage\r\n": {Response, Yes},
		"GET / HTTP/1.1\r\n": {Response, No}, "get k\r\n": {Response, No}, "PING\r\n": {Response, No}, "SSH-2.0-x\r\n": {Response, No}, "\x16\x03\x01\x02": {Response, No},
		"*\x00\x00\x00\x03": {Response, No}, ":server 001 nick\r\n": {Response, No}, "$\x00\x00\x01\x0a": {Response, No}, "": {Request, NeedMore}, "#!/bin/sh\n": {Response, No},
	} {
		if d, v := Recognize([]byte(s)); v != want.v || v != No && d != want.d {
			t.Errorf("%q: %d %d, want %v", s, d, v, want)
		}
	}
}
