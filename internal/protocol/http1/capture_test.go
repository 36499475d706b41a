// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http1

import (
	"strings"
	"testing"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment/segmenttest"
)

// Conversations of curl 7.88 with nginx 1.22 and Python 3.11's http.server. The statuses
// and sizes are those that the servers were configured to send.
func TestCaptures(t *testing.T) {
	pipelined := strings.Split(strings.Repeat("GET /r 301 0/169 complete\n", 10)+"GET /e 500 0/177 complete", "\n")
	for name, want := range map[string][]string{
		"nginx_mixed":          {"GET /a.txt 200 0/4053 complete", "GET /r 301 0/169 complete", "GET /missing 404 0/153 complete", "GET /e 500 0/177 complete"},
		"nginx_gzip_chunked":   {"GET /a.txt 200 0/* complete", "GET /a.txt 200 0/* complete"},
		"nginx_413":            {"POST /post 413 -1/183 complete"},
		"nginx_chunked_upload": {"POST /post 200 5/4 complete", "GET /r 301 0/169 complete"},
		"python_http10":        {"GET /a.txt 200 0/4053 complete"},
		"nginx_pipelined":      pipelined,
	} {
		for _, limit := range []int{1 << 20, 1 << 10, 300} {
			if name == "nginx_pipelined" && limit < 1<<20 {
				continue
			}
			c := newConn(t, Options{})
			for _, e := range segmenttest.Read(t, "testdata/captures/"+name+".txt") {
				if e.Bytes == "" {
					c.p.EOF(e.Dir, c.now)
					continue
				}
				c.play([]event{e}, whole, func(n int) int { return min(n, limit) }, true)
			}
			c.p.Close(CloseNormal, c.now)
			for i, g := range c.got {
				if name == "nginx_gzip_chunked" { // its size is not known from elsewhere
					j, k := strings.LastIndexByte(g, '/'), strings.LastIndexByte(g, ' ')
					c.got[i] = g[:j+1] + "*" + g[k:]
				}
			}
			equal(t, name, c.got, want)
		}
	}
}
