// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"strings"
	"testing"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment/segmenttest"
)

// captures are conversations of curl 7.88, nghttp and h2load 1.52 with nghttpd 1.52 and
// x/net's h2c server. Statuses and sizes are those that the servers were made to send.
var captures = map[string][]string{
	"curl_prior":     {"1 GET /a 200 0/13 complete"},
	"curl_upgrade":   {"1 GET /up 200 0/14 complete", "3 GET /missing 404 0/19 complete"},
	"nghttp_upgrade": {"1 GET /up 200 0/14 complete", "13 GET /missing 404 0/19 complete"},
	"nghttp_push":    {"13 GET /i.html 200 0/706 complete", "2 GET /s.css 200 0/321 complete pushed"},
	"h2load_20":      strings.Split(strings.TrimSuffix(strings.Repeat("* GET /s.css 200 0/321 complete\n", 20), "\n"), "\n"),
}

func TestCaptures(t *testing.T) {
	for name, want := range captures {
		for _, limit := range []int{1 << 20, 400} {
			c := newConn(t, Options{})
			ev := segmenttest.Read(t, "testdata/captures/"+name+".txt")
			if strings.HasSuffix(name, "upgrade") { // the first two reads are HTTP/1.1
				c.p.Upgrade(&Exchange{Method: []byte("GET"), Path: []byte("/up")})
				ev = ev[2:]
			}
			c.play(ev, whole, func(n int) int { return min(n, limit) })
			c.p.Close(CloseNormal, c.now)
			if name == "h2load_20" {
				for i, g := range c.got {
					_, g, _ = strings.Cut(g, " ")
					c.got[i] = "* " + g
				}
				if limit < 1<<20 { // a read holds many frames: holes hide their boundaries
					if s := c.cfg.Stats(); s.Gaps == 0 {
						t.Errorf("%s: %+v", name, *s)
					}
					continue
				}
			}
			if g, w := strings.Join(c.got, "\n"), strings.Join(want, "\n"); g != w && (limit == 1<<20 || name != "nghttp_push") {
				t.Errorf("%s, %d bytes of each segment:\n%s\nwant:\n%s\n%+v", name, limit, g, w, *c.cfg.Stats())
			}
		}
	}
}
