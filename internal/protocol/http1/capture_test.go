// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http1

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// readCapture reads a conversation as a relay saw it: one read per line, its direction and
// its bytes as a JSON string of Latin-1; an empty string is the FIN.
func readCapture(t *testing.T, name string) (ev []event) {
	t.Helper()
	f, err := os.Open("testdata/captures/" + name + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		var s string
		if err := json.Unmarshal(sc.Bytes()[2:], &s); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 0, len(s))
		for _, r := range s {
			b = append(b, byte(r))
		}
		d := Request
		if sc.Bytes()[0] == '<' {
			d = Response
		}
		ev = append(ev, event{d, string(b)})
	}
	return ev
}

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
			for _, e := range readCapture(t, name) {
				if e.b == "" {
					c.p.EOF(e.d, c.now)
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
