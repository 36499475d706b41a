// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http1

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A header section that came before is understood as the first time, whatever
// came in between, and one that only begins like it is not taken for it.
func TestRepeatedSections(t *testing.T) {
	var got []string
	cfg := NewConfig(Options{})
	talk := func(request, response string) {
		p := cfg.NewParser(func(e *Exchange) {
			got = append(got, fmt.Sprintf("%s %s %s %s %s %d %d %d %v", e.Method, e.Target, e.Host, e.UserAgent, e.Traceparent,
				e.Status, e.RequestBodySize, e.ResponseBodySize, e.KeepAlive))
		})
		p.Segment(Request, &Segment{Data: []byte(request), Len: int64(len(request)), Start: 1, End: 1})
		p.Segment(Response, &Segment{Data: []byte(response), Len: int64(len(response)), Start: 2, End: 2})
		p.Close(CloseNormal, 3)
	}
	const fields = "Host: a.example\r\nUser-Agent: u\r\nConnection: close\r\nContent-Length: 3\r\n\r\n"
	const answer = "HTTP/1.1 201 Created\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"
	for _, method := range []string{"POST", "PUT", "POST"} {
		talk(method+" /x HTTP/1.1\r\n"+fields+"abc", answer)
	}
	// The same length and the same beginning.
	talk("POST /x HTTP/1.1\r\n"+strings.Replace(fields, "close", "keeps", 1)+"abc", strings.Replace(answer, "plain", "xhtml", 1))
	talk("POST /x HTTP/1.1\r\n"+fields+"abc", answer)
	for range 2 { // sent twice with different values
		talk("GET /x HTTP/1.1\r\nHost: a.example\r\nTraceparent: 00-1\r\nTraceparent: 00-2\r\n\r\n", answer)
	}
	require.Equal(t, []string{
		"POST /x a.example u  201 3 2 false", "PUT /x a.example u  201 3 2 false", "POST /x a.example u  201 3 2 false",
		"POST /x a.example u  201 3 2 true",
		"POST /x a.example u  201 3 2 false",
		"GET /x a.example   201 0 2 true", "GET /x a.example   201 0 2 true",
	}, got)
}
