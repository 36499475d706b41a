// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package http_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/dbtest"
)

// canned are answers whose heads resemble each other: the same layout with other numbers, the
// same length with another field, and such as mean something else to another method.
func canned() []struct {
	method, answer string
	status, size   int
} {
	of := func(n int) string { return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", n) }
	body := strings.Repeat("b", 1000)
	return []struct {
		method, answer string
		status, size   int
	}{
		{"GET", of(99) + body[:99], 200, 99},
		{"GET", of(100) + body[:100], 200, 100},
		{"GET", of(101) + body[:101], 200, 101},
		{"GET", of(1000) + body, 200, 1000},
		{"GET", "HTTP/1.1 404 No\r\nContent-Length: 100\r\n\r\n" + body[:100], 404, 100},
		{"GET", "HTTP/1.1 200 OK\r\nContent-Lengxh: 100\r\nContent-Length: 7\r\n\r\n" + body[:7], 200, 7},
		{"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n32\r\n" + body[:50] + "\r\n0\r\n\r\n", 200, 50},
		{"HEAD", of(100), 200, 0},
		{"GET", "HTTP/1.1 204 No\r\nX-Content-Size: 100\r\n\r\n", 204, 0},
		{"GET", "HTTP/1.1 304 No\r\nContent-Length: 100\r\n\r\n", 304, 0},
		{"POST", of(0), 200, 0},
	}
}

const askedTimes = 600

// asked is the sequence of requests, by their number in canned. Each is often made twice in a row.
func asked() (sequence []int) {
	r := rand.New(rand.NewPCG(7, 7))
	for len(sequence) < askedTimes {
		i := r.IntN(len(canned()))
		for range 1 + r.IntN(2) {
			sequence = append(sequence, i)
		}
	}
	return sequence[:askedTimes]
}

// runCannedServer takes one connection at the port that the first argument names.
func runCannedServer() {
	l, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		panic(err)
	}
	c, err := l.Accept()
	if err != nil {
		panic(err)
	}
	for in := bufio.NewReader(c); ; {
		q, err := http.ReadRequest(in)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			panic(err)
		}
		i, _ := strconv.Atoi(q.URL.Path[1:])
		if _, err := io.WriteString(c, canned()[i].answer); err != nil {
			panic(err)
		}
	}
	fmt.Fprint(os.Stdout, "{}")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// runAskingClient makes the requests, one after the other, on one connection.
func runAskingClient() {
	c, err := net.Dial("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		panic(err)
	}
	in := bufio.NewReader(c)
	for _, i := range asked() {
		q, _ := http.NewRequest(canned()[i].method, fmt.Sprintf("http://a.example/%d", i), http.NoBody)
		var out bytes.Buffer
		_ = q.Write(&out)
		if _, err := c.Write(out.Bytes()); err != nil {
			panic(err)
		}
		res, err := http.ReadResponse(in, q)
		if err == nil {
			_, err = io.Copy(io.Discard, res.Body)
		}
		if err = errors.Join(err, res.Body.Close()); err != nil {
			panic(err)
		}
	}
	_ = c.Close()
}

// Responses on one connection of which each resembles the one before, and whose traces are not
// kept, so that the kernel tells of them in a few bytes, or only counts them: status and size are those
// of each.
func TestLiveLayouts(t *testing.T) {
	livetest.RequireRoot(t)
	livetest.CheckLeaks(t)
	self, err := os.Executable()
	require.NoError(t, err)
	for name, how := range map[string]struct {
		ratio float64
		sizes bool
	}{"sampled out": {0, true}, "counted": {0, false}, "kept": {1, true}} {
		t.Run(name, func(t *testing.T) {
			port := dbtest.FreePort(t)
			r := dbtest.StartPlain(t, map[string]any{
				"collection_interval": "200ms", "targets": []any{map[string]any{"exe": self}},
				"probes": map[string]any{"http": map[string]any{
					"sampling": map[string]any{"ratio": how.ratio}, "metrics": map[string]any{"body_sizes": how.sizes},
				}},
			})
			stop := server(t, "canned", port)
			require.Eventually(t, func() bool { return r.Selected() >= 1 }, 10*time.Second, 20*time.Millisecond)
			dbtest.Run(t, child(t, "asking", strconv.Itoa(port)))
			stop()
			r.Shutdown()
			want := map[int]int{}
			size := 0
			for _, i := range asked() {
				want[canned()[i].status]++
				size += canned()[i].size
			}
			for _, side := range []string{"server", "client"} {
				for status, n := range want {
					assert.EqualValues(t, n, r.Measured("http."+side+".request.duration", func(m pcommon.Map) bool {
						return dbtest.Attribute(m, "http.response.status_code") == int64(status)
					}), "%s %d", side, status)
				}
				if !how.sizes {
					continue
				}
				assert.EqualValues(t, size, r.Total("http."+side+".response.body.size", func(pcommon.Map) bool { return true }), side)
			}
		})
	}
}
