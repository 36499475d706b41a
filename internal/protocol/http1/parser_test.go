// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http1

import (
	"fmt"
	"strings"
	"testing"
)

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

func line(e *Exchange) string {
	status := "-"
	if e.StatusKnown {
		status = fmt.Sprint(e.Status)
	}
	s := fmt.Sprintf("%s %s %s %d/%d %s", e.Method, e.Target, status, e.RequestBodySize, e.ResponseBodySize, e.Outcome)
	if e.Upgraded {
		s += " upgraded"
	}
	return s
}

// step is one event: ">" or "<" and the bytes; "{n}" in them stands for n uncaptured bytes
// at the segment's end, "[xyz]" at the end for Last.
func (c *conn) steps(steps ...string) {
	c.t.Helper()
	for _, s := range steps {
		c.now += 10
		d, rest := Request, s[1:]
		if s[0] == '<' {
			d = Response
		}
		switch rest {
		case "FIN":
			c.p.EOF(d, c.now)
			continue
		case "IDLE":
			c.p.Idle(c.now)
			continue
		}
		if n := 0; strings.HasPrefix(rest, "SKIP ") {
			fmt.Sscanf(rest, "SKIP %d", &n)
			c.p.Skip(d, int64(n))
			continue
		}
		seg := Segment{Start: c.now, End: c.now + 5, Tag: Tag{Seq: uint32(c.now)}}
		if i := strings.Index(rest, "{"); i >= 0 {
			n := 0
			fmt.Sscanf(rest[i:], "{%d}", &n)
			seg.Len = int64(n)
			seg.LastLen = uint8(copy(seg.Last[:], rest[strings.Index(rest, "}")+1:]))
			rest = rest[:i]
		}
		seg.Data = []byte(rest)
		seg.Len += int64(len(rest))
		c.p.Segment(d, &seg)
		for i := range seg.Data { // valid only during the call
			seg.Data[i] = 'X'
		}
	}
	c.check()
}

func (c *conn) check() {
	c.t.Helper()
	s := c.cfg.Stats()
	if s.Requests != s.Exchanges+s.Drops()+uint64(c.p.Pending()) || s.Exchanges != uint64(len(c.got)) {
		c.t.Fatalf("conservation broken: %+v pending %d emitted %d", *s, c.p.Pending(), len(c.got))
	}
	if c.p.q.bytes < 0 || c.p.q.bytes > (queuedHeads+1)*c.cfg.maxHeader || c.p.q.n == 0 && c.p.q.bytes != 0 {
		c.t.Fatalf("queue holds %d bytes in %d entries", c.p.q.bytes, c.p.q.n)
	}
}

func get(target string) string { return "GET " + target + " HTTP/1.1\r\nHost: h\r\n\r\n" }

const ok2 = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
const okChunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

func TestExchanges(t *testing.T) {
	many := func(n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(get(fmt.Sprintf("/%d", i)))
		}
		return b.String()
	}
	var hundred []string
	for i := range 100 {
		hundred = append(hundred, fmt.Sprintf("GET /%d 200 0/2 complete", i))
	}
	big := strings.Repeat("x", 300)
	tests := []struct {
		name  string
		steps []string
		want  []string // before Close
		close []string // by Close(CloseNormal)
		stats Stats    // checked where not zero
	}{
		{name: "keep-alive", steps: []string{">" + get("/a"), "<" + ok2, ">" + get("/b"), "<" + ok2},
			want: []string{"GET /a 200 0/2 complete", "GET /b 200 0/2 complete"}},
		{name: "100 pipelined in one segment", steps: []string{">" + many(100), "<" + strings.Repeat(ok2, 40), "<" + strings.Repeat(ok2, 60)}, want: hundred},
		{name: "HEAD, 204, 304 have no body", steps: []string{
			">HEAD / HTTP/1.1\r\n\r\n", "<HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n",
			">" + get("/b"), "<HTTP/1.1 204 No Content\r\n\r\n",
			">" + get("/c"), "<HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n"},
			want: []string{"HEAD / 200 0/0 complete", "GET /b 204 0/0 complete", "GET /c 304 0/0 complete"}},
		{name: "chunked with extensions and trailers", steps: []string{
			">POST /c HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n",
			"<" + okChunked + "A ;q=\"1\"\r\n0123456789\r\n", "<1\r\nx\r\n0\r\nT: v\r\n", "<\r\n"},
			want: []string{"POST /c 200 5/11 complete"}},
		{name: "chunk data in holes", steps: []string{">" + get("/"), "<" + okChunked + "100\r\n{256}", "<\r\n20\r\n{34}", "<0\r\n\r\n"},
			want: []string{"GET / 200 0/288 complete"}},
		{name: "chunk end known from Last", steps: []string{">" + get("/"), "<" + okChunked + "100\r\n{263}x\r\n0\r\n\r\n"},
			want: []string{"GET / 200 0/256 complete"}},
		{name: "framing lost, final chunk in Last", steps: []string{">" + get("/"), "<" + okChunked + "10\r\n{1000}x\r\n0\r\n\r\n"},
			want: []string{"GET / 200 0/-1 complete"}, stats: Stats{ChunksLost: 1}},
		{name: "framing lost, final chunk alone", steps: []string{">" + get("/"), "<" + okChunked + "10\r\n{1000}", "<0\r\n\r\n"},
			want: []string{"GET / 200 0/-1 complete"}},
		{name: "framing lost, turn-around", steps: []string{">" + get("/"), "<" + okChunked + "10\r\n{1000}", "<{1000}", ">" + get("/n"), "<" + ok2},
			want: []string{"GET / 200 0/-1 truncated", "GET /n 200 0/2 complete"}},
		{name: "framing lost, close", steps: []string{">" + get("/"), "<" + okChunked + "10\r\n{1000}"},
			close: []string{"GET / 200 0/-1 truncated"}},
		{name: "bad chunk", steps: []string{">" + get("/"), "<" + okChunked + "zz\r\n", "<x\r\n0\r\n\r\n"},
			want: []string{"GET / 200 0/-1 complete"}, stats: Stats{BadChunk: 1}},
		{name: "chunk size overflow", steps: []string{">" + get("/"), "<" + okChunked + "ffffffffffffffff\r\n"},
			close: []string{"GET / 200 0/-1 truncated"}, stats: Stats{BadChunk: 1}},
		{name: "interim responses", steps: []string{">POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
			"<HTTP/1.1 100 Continue\r\n\r\n", ">abc", "<HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"},
			want: []string{"POST / 201 3/0 complete"}},
		{name: "expectation refused, next request", steps: []string{">POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 300\r\n\r\n",
			"<HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n", ">" + get("/n"), "<" + ok2},
			want: []string{"POST / 417 -1/0 complete", "GET /n 200 0/2 complete"}},
		{name: "early 413, body follows", steps: []string{">POST / HTTP/1.1\r\nContent-Length: 300\r\n\r\nabc",
			"<HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno", ">{297}", ">" + get("/n"), "<" + ok2},
			want: []string{"POST / 413 300/2 complete", "GET /n 200 0/2 complete"}},
		{name: "early 413, then closed", steps: []string{">POST / HTTP/1.1\r\nContent-Length: 300\r\n\r\nabc",
			"<HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno"}, close: []string{"POST / 413 3/2 complete"}},
		{name: "early 400 to half a head", steps: []string{">GET /x HTTP/1.1\r\nHost: h\r\nCoo", "<HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n"},
			want: []string{"GET /x 400 -1/0 complete"}},
		{name: "upgrade", steps: []string{">GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
			"<HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x05hello", ">" + get("/no")}, want: []string{"GET /ws 101 0/0 complete upgraded"}},
		{name: "CONNECT", steps: []string{">CONNECT h:443 HTTP/1.1\r\n\r\n", "<HTTP/1.1 407 Auth\r\nContent-Length: 0\r\n\r\n",
			">CONNECT h:443 HTTP/1.1\r\n\r\n", "<HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"},
			want: []string{"CONNECT h:443 407 0/0 complete", "CONNECT h:443 200 0/0 complete upgraded"}},
		{name: "body of any size", steps: []string{">PUT /b HTTP/1.1\r\nContent-Length: 5000000000\r\n\r\n{4999999990}", ">SKIP 10", "<" + ok2},
			want: []string{"PUT /b 200 5000000000/2 complete"}},
		{name: "heads split anywhere", steps: []string{">G", ">ET / HT", ">TP/1.1\r\nHost: h\r", ">\n\r", ">\n", "<HTTP/1.", "<1 200\r\nContent-Len", "<gth: 2\r\n\r\no", "<k"},
			want: []string{"GET / 200 0/2 complete"}},
		{name: "bare LF, no reason, leading CRLF", steps: []string{">\r\n\r\nGET / HTTP/1.1\nHost: h\n\n", "<HTTP/1.1 200\nContent-Length: 1\n\nx"},
			want: []string{"GET / 200 0/1 complete"}},
		{name: "obs-fold", steps: []string{">POST / HTTP/1.1\r\nTransfer-Encoding:\r\n chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", "<HTTP/1.1 200 OK\r\nContent-Length:\r\n\t2\r\n\r\nok"},
			want: []string{"POST / 200 1/2 complete"}},
		{name: "HTTP/1.0 until FIN", steps: []string{">GET / HTTP/1.0\r\n\r\n", "<HTTP/1.0 200 OK\r\n\r\nabc", "<{1000}", "<FIN"},
			want: []string{"GET / 200 0/1003 complete"}},
		{name: "until close", steps: []string{">GET / HTTP/1.0\r\n\r\n", "<HTTP/1.0 200 OK\r\n\r\nabc"}, close: []string{"GET / 200 0/3 complete"}},
		{name: "transfer coding wins", steps: []string{">" + get("/"), "<HTTP/1.1 200 OK\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"},
			want: []string{"GET / 200 0/1 complete"}},
		{name: "equal lengths are one", steps: []string{">" + get("/"), "<HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\nContent-Length: 1\r\n\r\na"},
			want: []string{"GET / 200 0/1 complete"}},
		{name: "contradicting lengths", steps: []string{">" + get("/"), "<HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", ">" + get("/n"), "<" + ok2},
			want: []string{"GET / 200 0/-1 truncated", "GET /n 200 0/2 complete"}, stats: Stats{BadContentLength: 1}},
		{name: "overflowing length", steps: []string{">PUT / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", "<" + ok2},
			want: []string{"PUT / 200 -1/2 complete"}, stats: Stats{BadContentLength: 1}},
		{name: "unending request coding", steps: []string{">PUT / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", "<" + ok2},
			want: []string{"PUT / 200 -1/2 complete"}, stats: Stats{BadTransferEncoding: 1}},
		{name: "target forms", steps: []string{">" + get("http://h/p?q"), "<" + ok2, ">OPTIONS * HTTP/1.1\r\n\r\n", "<" + ok2},
			want: []string{"GET http://h/p?q 200 0/2 complete", "OPTIONS * 200 0/2 complete"}},
		{name: "unknown method", steps: []string{">BREW /pot HTTP/1.1\r\n\r\n", "<" + ok2}, want: []string{"BREW /pot 200 0/2 complete"}},
		{name: "orphan, then known", steps: []string{"<" + ok2, ">" + get("/"), "<" + ok2}, want: []string{"GET / 200 0/2 complete"}, stats: Stats{OrphanResponses: 1}},
		{name: "orphan to HEAD", steps: []string{"<HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", ">" + get("/"), "<" + ok2},
			want: []string{"GET / 200 0/2 complete"}, stats: Stats{OrphanResponses: 1}},
		{name: "joined within a body", steps: []string{"<bytes of a body", "<more", ">" + get("/"), "<" + ok2}, want: []string{"GET / 200 0/2 complete"}, stats: Stats{SkippedBytes: 19}},
		{name: "request head cut", steps: []string{">GET /p HTTP/1.1\r\nHost: h\r\nCookie: a{500}xx\r\n\r\n", "<" + ok2, ">GET /q HTTP/1.1\r\nHo{90}", "<" + ok2},
			want: []string{"GET /p 200 -1/2 complete", "GET /q 200 -1/2 complete"}, stats: Stats{CutHeads: 2}},
		{name: "request line cut", steps: []string{">GET /long{500}", "<" + ok2}, want: []string{"GET /long 200 -1/2 complete"}},
		{name: "response head cut, turn-around", steps: []string{">" + get("/"), "<HTTP/1.1 200 OK\r\nX: {800}", "<{9}", ">" + get("/n"), "<" + ok2},
			want: []string{"GET / 200 0/-1 truncated", "GET /n 200 0/2 complete"}},
		{name: "response head cut, no body", steps: []string{">HEAD / HTTP/1.1\r\n\r\n", "<HTTP/1.1 200 OK\r\nX: {800}xxxx\r\n\r\n"}, want: []string{"HEAD / 200 0/0 complete"}},
		{name: "response head cut, end by Idle", steps: []string{">" + get("/"), "<IDLE", "<HTTP/1.1 200 OK\r\nX: {800}x\r\n0\r\n\r\n", "<IDLE"}, want: []string{"GET / 200 0/-1 truncated"}},
		{name: "Idle proves nothing alone", steps: []string{">" + get("/"), "<HTTP/1.1 200 OK\r\nX: {800}", "<IDLE"}, close: []string{"GET / 200 0/-1 truncated"}},
		{name: "requests hidden in a hole", steps: []string{">" + get("/a") + "GET /b HT{400}", "<" + strings.Repeat(ok2, 4), ">" + get("/c"), "<" + ok2},
			want: []string{"GET /a 200 0/2 complete", "GET /b 200 -1/2 complete", "GET /c 200 0/2 complete"}, stats: Stats{OrphanResponses: 2}},
		{name: "responses hidden in a hole", steps: []string{">" + many(3), "<" + ok2 + "{78}", ">" + get("/n"), "<" + ok2},
			want: []string{"GET /0 200 0/2 complete", "GET /n 200 0/2 complete"}, stats: Stats{DropAmbiguous: 2}},
		{name: "response lost", steps: []string{">" + get("/"), "<SKIP 39", ">" + get("/n"), "<" + ok2}, want: []string{"GET /n 200 0/2 complete"}, stats: Stats{DropNoStatus: 1, Gaps: 1, GapBytes: 39}},
		{name: "response lost, closed", steps: []string{">" + get("/"), "<SKIP 39"}, stats: Stats{Requests: 1}},
		{name: "interim lost, response seen", steps: []string{">" + get("/"), "<SKIP 25", "<" + ok2}, want: []string{"GET / 200 0/2 complete"}},
		{name: "request lost, another before its answer", steps: []string{">SKIP 50", ">" + get("/a"), "<" + ok2, ">" + get("/b"), "<" + ok2},
			want: []string{"GET /b 200 0/2 complete"}, stats: Stats{DropAmbiguous: 1}},
		{name: "gap beyond the body", steps: []string{">" + get("/"), "<HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", "<SKIP 150", ">" + get("/n"), "<" + ok2},
			want: []string{"GET / 200 0/100 complete", "GET /n 200 0/2 complete"}},
		{name: "no response", steps: []string{">" + get("/a") + get("/b")}, close: []string{"GET /a - 0/-1 no response", "GET /b - 0/-1 no response"}},
		{name: "half a request", steps: []string{">POST / HTTP/1.1\r\nContent-Le"}, close: []string{"POST / - -1/-1 no response"}},
		{name: "response cut", steps: []string{">" + get("/a"), "<HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"}, close: []string{"GET /a 200 0/3 response cut"}},
		{name: "response head cut by close", steps: []string{">" + get("/a"), "<HTTP/1.1 200 OK\r\nConte"}, close: []string{"GET /a 200 0/-1 response cut"}},
		{name: "garbage between requests", steps: []string{">" + get("/a"), "<" + ok2, ">\x16\x03\x01", ">" + get("/b"), "<" + ok2, ">" + get("/c"), "<" + ok2},
			want: []string{"GET /a 200 0/2 complete", "GET /c 200 0/2 complete"}, stats: Stats{UndecodableRequests: 1, DropAmbiguous: 1}},
		{name: "long head", steps: []string{">GET / HTTP/1.1\r\nX: " + big + big + "\r\n\r\n", "<" + ok2}, want: []string{"GET / 200 -1/2 complete"}, stats: Stats{LongHeads: 1}},
		{name: "pipeline overflow", steps: []string{">" + many(203), "<" + strings.Repeat(ok2, 203), ">" + get("/n"), "<" + ok2},
			want: append(append([]string{}, hundred...), "GET /n 200 0/2 complete"), stats: Stats{DropOverflow: 103, GhostResponses: 103}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := Options{}
			switch tt.name {
			case "long head":
				o.MaxHeader = 512
			case "pipeline overflow":
				o.MaxPipeline = 100
			}
			c := newConn(t, o)
			c.steps(tt.steps...)
			equal(t, "before close", c.got, tt.want)
			c.got = nil
			c.p.Close(CloseNormal, c.now+100)
			equal(t, "by close", c.got, tt.close)
			if s := c.cfg.Stats(); s.Requests != s.Exchanges+s.Drops() {
				t.Errorf("conservation broken: %+v", *s)
			}
			checkStats(t, c.cfg.Stats(), &tt.stats)
		})
	}
}

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s: got\n%s\nwant\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
