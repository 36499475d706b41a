// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	xhttp2 "golang.org/x/net/http2"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment/segmenttest"
)

// dialogue makes a conversation of n streams, several at a time, and what a parser that
// sees every byte must emit for each.
func dialogue(r *rand.Rand, n int) (ev []event, want map[uint32]string) {
	cl, sv := newPeer(), newPeer()
	cl.buf.WriteString(preface)
	cl.fr.WriteSettings()
	sv.fr.WriteSettings(xhttp2.Setting{ID: xhttp2.SettingInitialWindowSize, Val: 1 << 20})
	want = map[uint32]string{}
	type open struct {
		id                                uint32
		path                              string
		grpc                              bool
		up, down, sent, got, msgUp, msgDn int
		head                              bool
		status                            int
	}
	var streams []*open
	flush := func() {
		for d, w := range []*peer{cl, sv} {
			if b := w.take(); b != "" {
				ev = append(ev, event{Dir: Direction(d), Bytes: b})
			}
		}
	}
	flush()
	next := uint32(1)
	for len(streams) > 0 || n > 0 {
		if n > 0 && (len(streams) == 0 || r.IntN(3) == 0) {
			s := &open{id: next, path: fmt.Sprintf("/p.S/M%d", r.IntN(6)), grpc: r.IntN(2) == 0, up: r.IntN(4), down: r.IntN(4), status: []int{200, 204, 404, 302}[r.IntN(4)]}
			next += 2
			n--
			fields := get(s.path)
			if s.grpc {
				fields, s.status = call(s.path), 200
			}
			if r.IntN(3) == 0 {
				fields = append(fields, "cookie="+strings.Repeat("k", r.IntN(300)))
			}
			cl.headers(s.id, s.up == 0, fields...)
			streams = append(streams, s)
		} else {
			i := r.IntN(len(streams))
			s := streams[i]
			send := func(w *peer, left *int, sum, msgs *int, end bool) {
				*left--
				size := r.IntN(500)
				if s.grpc {
					w.message(s.id, end && *left == 0, size)
					size += 5
					*msgs++
				} else {
					w.fr.WriteDataPadded(s.id, end && *left == 0, make([]byte, size), make([]byte, r.IntN(20)))
				}
				*sum += size
			}
			switch {
			case s.up > 0:
				send(cl, &s.up, &s.sent, &s.msgUp, true)
			case !s.head:
				for r.IntN(4) == 0 {
					sv.headers(s.id, false, ":status=103", "link=x")
				}
				s.head = true
				fields := []string{fmt.Sprint(":status=", s.status), "server=s"}
				if s.grpc {
					fields = append(fields, "content-type=application/grpc")
				}
				sv.headers(s.id, false, fields...)
			case s.down > 0:
				send(sv, &s.down, &s.got, &s.msgDn, false)
			default:
				line := fmt.Sprintf("%d GET %s %d %d/%d complete", s.id, s.path, s.status, s.sent, s.got)
				if s.grpc {
					code := r.IntN(3)
					sv.headers(s.id, true, fmt.Sprint("grpc-status=", code))
					line = fmt.Sprintf("%d POST %s %d %d/%d complete grpc %d %d/%d", s.id, s.path, s.status, s.sent, s.got, code, s.msgUp, s.msgDn)
				} else {
					sv.data(s.id, true, 0)
				}
				want[s.id] = line
				streams = append(streams[:i], streams[i+1:]...)
			}
		}
		if r.IntN(4) == 0 {
			flush()
		}
	}
	flush()
	return ev, want
}

// Cut at any byte, a fully captured conversation gives the same exchanges.
func TestEveryCut(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	ev, want := dialogue(r, 8)
	longest := 0
	for _, e := range ev {
		longest = max(longest, len(e.Bytes))
	}
	first := ""
	for at := 1; at <= longest; at++ {
		for _, split := range []bool{false, true} {
			c := newConn(t, Options{})
			if split {
				for _, e := range ev {
					c.play(segmenttest.Split(e, at), whole, whole)
				}
			} else {
				c.play(ev, func(n int) int { return min(n, at) }, whole)
			}
			got := strings.Join(c.got, "\n")
			if first == "" {
				first = got
			}
			if got != first || len(c.got) != len(want) || c.p.Pending() != 0 {
				t.Fatalf("cut at %d:\n%s\nwant:\n%s", at, got, first)
			}
			for i, g := range c.got {
				if g != want[c.all[i].StreamID] {
					t.Fatalf("cut at %d: %q, want %q", at, g, want[c.all[i].StreamID])
				}
			}
		}
	}
}

// With random cuts, captured prefixes and losses: what is emitted is as it was sent or
// unknown, and every request is emitted or counted.
func TestRandomPrefixes(t *testing.T) {
	emitted, total, whole := 0, 0, 0
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 7))
		ev, want := dialogue(r, 20)
		c := newConn(t, Options{})
		limit := 100 + r.IntN(3000)
		small, late, skips := r.IntN(2) == 0, r.IntN(4) == 0, r.IntN(4) == 0
		if late {
			ev = ev[r.IntN(len(ev)):]
		}
		for _, e := range ev {
			if skips && r.IntN(8) == 0 {
				c.p.Skip(e.Dir, int64(len(e.Bytes)))
				c.check()
				continue
			}
			c.play([]event{e}, func(n int) int {
				if small {
					return 1 + r.IntN(n)
				}
				return n
			}, func(n int) int { return min(n, limit) })
		}
		c.p.Close(CloseNormal, c.now)
		c.check()
		if c.p.Pending() != 0 {
			t.Fatalf("seed %d: %d pending after Close", seed, c.p.Pending())
		}
		seen := map[uint32]bool{}
		for i, g := range c.got {
			id := c.all[i].StreamID
			if seen[id] || !agrees(g, want[id], c.all[i].Outcome) {
				t.Fatalf("seed %d: emitted %q, truth %q", seed, g, want[id])
			}
			seen[id] = true
			if g == want[id] {
				whole++
			}
		}
		emitted += len(c.got)
		total += len(want)
	}
	t.Logf("emitted %d of %d, %d of them wholly known", emitted, total, whole)
}

// agrees compares what is known of an exchange with the truth.
func agrees(got, truth string, o Outcome) bool {
	g, w := strings.Fields(got), strings.Fields(truth)
	if len(w) < 6 {
		return false
	}
	for i := range 4 {
		if g[i] != "-" && g[i] != w[i] {
			return false
		}
	}
	if o != Complete {
		return true
	}
	same := func(a, b string) bool {
		x, y := strings.Split(a, "/"), strings.Split(b, "/")
		return (x[0] == "-1" || x[0] == y[0]) && (x[1] == "-1" || x[1] == y[1])
	}
	if !same(g[4], w[4]) {
		return false
	}
	if len(g) > 6 {
		return len(w) == 9 && (g[7] == "-" || g[7] == w[7]) && same(g[8], w[8])
	}
	return true
}
