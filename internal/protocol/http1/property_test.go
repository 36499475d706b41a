// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http1

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment/segmenttest"
)

// event is a run of stream bytes before it is cut into segments; without bytes it is a FIN.
type event = segmenttest.Event

func chunked(r *rand.Rand, body int) string {
	var b strings.Builder
	for body > 0 {
		n := min(body, 1+r.IntN(200))
		ext := ""
		if r.IntN(3) == 0 {
			ext = ";n=\"v\""
		}
		fmt.Fprintf(&b, "%x%s\r\n%s\r\n", n, ext, strings.Repeat("c", n))
		body -= n
	}
	b.WriteString("0\r\n")
	if r.IntN(3) == 0 {
		b.WriteString("Trailer: x\r\n")
	}
	b.WriteString("\r\n")
	return b.String()
}

// dialogue makes a conversation of n exchanges, depth of them pipelined at a time, and what
// a parser that sees every byte must emit.
func dialogue(r *rand.Rand, n, depth int) (ev []event, want []string) {
	for i := 0; i < n; {
		var reqs, resps strings.Builder
		for k := range min(depth, n-i) {
			target := fmt.Sprintf("/%d", i+k)
			method, reqBody := "GET", 0
			switch r.IntN(5) {
			case 0:
				method = "HEAD"
			case 1, 2:
				method, reqBody = "POST", r.IntN(900)
			}
			fmt.Fprintf(&reqs, "%s %s HTTP/1.1\r\nHost: h\r\n", method, target)
			if r.IntN(4) == 0 {
				fmt.Fprintf(&reqs, "Cookie: %s\r\n", strings.Repeat("k", r.IntN(400)))
			}
			switch {
			case method != "POST":
				reqs.WriteString("\r\n")
			case r.IntN(2) == 0:
				reqs.WriteString("Transfer-Encoding: chunked\r\n\r\n" + chunked(r, reqBody))
			default:
				fmt.Fprintf(&reqs, "Content-Length: %d\r\n\r\n%s", reqBody, strings.Repeat("b", reqBody))
			}
			for r.IntN(5) == 0 {
				resps.WriteString("HTTP/1.1 103 Early Hints\r\nLink: </l>\r\n\r\n")
			}
			status, body := []int{200, 204, 304, 404, 500}[r.IntN(5)], r.IntN(3000)
			fmt.Fprintf(&resps, "HTTP/1.1 %d R\r\nServer: s\r\n", status)
			none := method == "HEAD" || status == 204 || status == 304
			switch {
			case status == 204:
				resps.WriteString("\r\n")
			case r.IntN(2) == 0:
				resps.WriteString("Transfer-Encoding: chunked\r\n\r\n")
				if !none {
					resps.WriteString(chunked(r, body))
				}
			default:
				fmt.Fprintf(&resps, "Content-Length: %d\r\n\r\n", body)
				if !none {
					resps.WriteString(strings.Repeat("d", body))
				}
			}
			if none {
				body = 0
			}
			want = append(want, fmt.Sprintf("%s %s %d %d/%d complete", method, target, status, reqBody, body))
		}
		ev = append(ev, event{Dir: Request, Bytes: reqs.String()}, event{Dir: Response, Bytes: resps.String()})
		i += min(depth, n-i)
	}
	return ev, want
}

// play cuts each event at the points that cut gives and captures a prefix of each piece.
func (c *conn) play(ev []event, cut, prefix func(n int) int, last bool) {
	c.t.Helper()
	p := segmenttest.Player{Parser: c.p, Now: c.now, Check: c.check}
	p.Play(ev, segmenttest.Cut{Piece: cut, Prefix: prefix, Last: last})
	c.now = p.Now
}

func whole(n int) int { return n }

// Cut at any byte, a fully captured conversation gives the same exchanges.
func TestEveryCut(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, depth := range []int{1, 3} {
		ev, want := dialogue(r, 6, depth)
		total := max(len(ev[0].Bytes), len(ev[1].Bytes))
		for at := 1; at <= total; at++ {
			c := newConn(t, Options{})
			c.play(ev, func(n int) int { return min(n, at) }, whole, false)
			equal(t, fmt.Sprint("pieces of ", at), c.got, want)
			c = newConn(t, Options{})
			for _, e := range ev {
				c.play(segmenttest.Split(e, at), whole, whole, false)
			}
			equal(t, fmt.Sprint("cut at ", at), c.got, want)
			if t.Failed() {
				return
			}
		}
	}
}

// With random cuts and captured prefixes, one exchange at a time: no exchange is wrong
// about its status, and every request is emitted or counted.
func TestRandomPrefixes(t *testing.T) {
	emitted, total := 0, 0
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 7))
		ev, want := dialogue(r, 12, 1)
		c := newConn(t, Options{})
		limit := 60 + r.IntN(600)
		big := r.IntN(2) == 0
		c.play(ev, func(n int) int {
			if big {
				return n
			}
			return 1 + r.IntN(n)
		}, func(n int) int { return min(n, limit) }, r.IntN(2) == 0)
		c.p.Close(CloseNormal, c.now)
		verify(t, c, want, seed)
		s := c.cfg.Stats()
		if s.Requests != s.Exchanges+s.Drops() {
			t.Fatalf("seed %d: conservation broken: %+v", seed, *s)
		}
		// Each request starts a segment: all are seen. Interim responses may fill the prefix.
		if big && s.Requests != uint64(len(want)) {
			t.Fatalf("seed %d: %d of %d: %+v\n%s", seed, len(c.got), len(want), *s, strings.Join(c.got, "\n"))
		}
		emitted += len(c.got)
		total += len(want)
		if t.Failed() {
			return
		}
	}
	t.Logf("emitted %d of %d", emitted, total)
}

// Pipelining under prefix capture: what is emitted is right, the rest is counted.
func TestRandomPrefixesPipelined(t *testing.T) {
	emitted, total := 0, 0
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 9))
		ev, want := dialogue(r, 20, 1+r.IntN(6))
		c := newConn(t, Options{})
		limit := 200 + r.IntN(3000)
		c.play(ev, whole, func(n int) int { return min(n, limit) }, r.IntN(2) == 0)
		c.p.Close(CloseReset, c.now)
		verify(t, c, want, seed)
		emitted += len(c.got)
		total += len(want)
		if t.Failed() {
			return
		}
	}
	t.Logf("emitted %d of %d", emitted, total)
}

// verify compares what is known of each emitted exchange with the truth.
func verify(t *testing.T, c *conn, want []string, seed uint64) {
	t.Helper()
	truth := map[string][]string{}
	for _, w := range want {
		f := strings.Fields(w)
		truth[f[1]] = f
	}
	seen := map[string]bool{}
	for i, g := range c.got {
		if c.all[i].TargetTruncated {
			continue // which one it is cannot be told here
		}
		f := strings.Fields(g)
		w, ok := truth[f[1]]
		if !ok || seen[f[1]] || f[0] != w[0] || f[2] != "-" && f[2] != w[2] {
			t.Errorf("seed %d: emitted %q, truth %v", seed, g, w)
			continue
		}
		seen[f[1]] = true
		gs, ws := strings.Split(f[3], "/"), strings.Split(w[3], "/")
		for i := range gs {
			if gs[i] != "-1" && gs[i] != ws[i] && f[4] == "complete" {
				t.Errorf("seed %d: sizes of %q, truth %v", seed, g, w)
			}
		}
	}
}
