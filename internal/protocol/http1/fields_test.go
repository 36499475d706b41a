// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http1

import (
	"reflect"
	"strings"
	"testing"
)

func checkStats(t *testing.T, got, want *Stats) {
	t.Helper()
	g, w := reflect.ValueOf(*got), reflect.ValueOf(*want)
	for i := range w.NumField() {
		if !w.Field(i).IsZero() && g.Field(i).Uint() != w.Field(i).Uint() {
			t.Errorf("%s = %d, want %d", w.Type().Field(i).Name, g.Field(i).Uint(), w.Field(i).Uint())
		}
	}
}

func TestFields(t *testing.T) {
	cfg := NewConfig(Options{RequestHeaders: []string{"X-Tenant", "accept"}, ResponseHeaders: []string{"server"}})
	n := 0
	p := cfg.NewParser(func(e *Exchange) {
		n++
		for _, f := range []struct {
			name, want string
			got        []byte
		}{
			{"host", "h:8080", e.Host}, {"user agent", "curl/8", e.UserAgent},
			{"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", e.Traceparent},
			{"tracestate", "a=1,b=2", e.Tracestate}, {"b3", "0", e.B3}, {"trace id", "t", e.B3TraceID}, {"span id", "s", e.B3SpanID},
			{"parent", "p", e.B3ParentSpanID}, {"sampled", "1", e.B3Sampled}, {"flags", "f", e.B3Flags},
			{"request type", "text/plain", e.RequestContentType}, {"response type", "text/html", e.ResponseContentType},
		} {
			if string(f.got) != f.want {
				t.Errorf("%s = %q, want %q", f.name, f.got, f.want)
			}
		}
		want := []HeaderValue{{1, []byte("*/*")}, {0, []byte("blue")}, {0, []byte{}}}
		if !reflect.DeepEqual(e.RequestHeaders, want) {
			t.Errorf("request headers %v", e.RequestHeaders)
		}
		if len(e.ResponseHeaders) != 1 || string(e.ResponseHeaders[0].Value) != "nginx" {
			t.Errorf("response headers %v", e.ResponseHeaders)
		}
		if e.RequestStart != 10 || e.RequestEnd != 25 || e.ResponseStart != 40 || e.ResponseEnd != 55 || e.End != 55 {
			t.Errorf("times %d %d %d %d %d", e.RequestStart, e.RequestEnd, e.ResponseStart, e.ResponseEnd, e.End)
		}
		if e.RequestTag.Seq != 1 || e.ResponseTag.Seq != 4 || !e.KeepAlive || e.RequestMinor != 1 || e.ResponseMinor != 1 {
			t.Errorf("tags %v %v keep-alive %v minor %d %d", e.RequestTag, e.ResponseTag, e.KeepAlive, e.RequestMinor, e.ResponseMinor)
		}
	})
	parts := []struct {
		d Direction
		s string
	}{
		{Request, "POST /p HTTP/1.1\r\nHOST: h:8080 \r\nuser-agent:curl/8\r\nAccept: */*\r\nX-TENANT: blue\r\nx-tenant:\r\nTracestate: a=1\r\n" +
			"Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\ntraceState: b=2\r\nb3: 0\r\nX-B3-TraceId: t\r\nX-B3-SpanId: s\r\n"},
		{Request, "X-B3-ParentSpanId: p\r\nX-B3-Sampled: 1\r\nX-B3-Flags: f\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\na"},
		{Response, "HTTP/1.1 100 Continue\r\n\r\n"},
		{Response, "HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\na"},
		{Response, "b"},
	}
	for i, x := range parts {
		p.Segment(x.d, &Segment{Data: []byte(x.s), Len: int64(len(x.s)), Start: uint64(10 * (i + 1)), End: uint64(10*(i+1) + 5), Tag: Tag{Seq: uint32(i + 1)}})
	}
	if n != 1 {
		t.Fatalf("%d exchanges", n)
	}
}

func TestTraceparentSentTwice(t *testing.T) {
	c := newConn(t, Options{})
	c.steps(">GET / HTTP/1.1\r\ntraceparent: a\r\ntraceparent: b\r\n\r\n", "<"+ok2)
	if len(c.all) != 1 || c.all[0].Traceparent != nil {
		t.Errorf("traceparent %q of contradicting lines", c.all[0].Traceparent)
	}
}

func TestKeepAlive(t *testing.T) {
	for _, tt := range []struct {
		req, resp string
		want      bool
	}{
		{"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 204 N\r\n\r\n", true},
		{"GET / HTTP/1.1\r\nConnection: foo, Close\r\n\r\n", "HTTP/1.1 204 N\r\n\r\n", false},
		{"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 204 N\r\nConnection: close\r\n\r\n", false},
		{"GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 204 N\r\n\r\n", false},
		{"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "HTTP/1.0 204 N\r\nConnection: keep-alive\r\n\r\n", true},
	} {
		c := newConn(t, Options{})
		c.steps(">"+tt.req, "<"+tt.resp)
		if len(c.all) != 1 || c.all[0].KeepAlive != tt.want {
			t.Errorf("%q %q: %v", tt.req, tt.resp, c.all)
		}
	}
}

func TestCloseReasons(t *testing.T) {
	for _, r := range []CloseReason{CloseNormal, CloseReset, CloseEvicted, CloseShutdown} {
		c := newConn(t, Options{})
		c.steps(">GET / HTTP/1.0\r\n\r\n", "<HTTP/1.0 200 OK\r\n\r\nabc")
		c.p.Close(r, 99)
		want := ResponseCut
		if r == CloseNormal {
			want = Complete
		}
		if len(c.all) != 1 || c.all[0].Reason != r || c.all[0].Outcome != want || !c.p.Done() {
			t.Errorf("reason %d: %+v", r, c.all)
		}
		c.p.Reset()
		c.steps(">"+get("/again"), "<"+ok2)
		if len(c.all) != 2 {
			t.Errorf("parser dead after Reset")
		}
	}
}

func TestRecognize(t *testing.T) {
	for _, tt := range []struct {
		in string
		d  Direction
		v  Verdict
	}{
		{"", Request, NeedMore}, {"\r\n", Request, NeedMore}, {"G", Request, NeedMore}, {"GET", Request, NeedMore}, {"GET ", Request, NeedMore},
		{"GET /", Request, Yes}, {"\r\nGET /x HTTP/1.1\r\n", Request, Yes}, {"QUERY /x", Request, Yes}, {"PURGE http://", Request, Yes},
		{"VERSION-CONTROL /", Request, Yes}, {"CONNECT [::1]:80", Request, Yes}, {"OPTIONS *", Request, Yes},
		{"GETX", Request, No}, {"GET \x00", Request, No}, {"get /", Request, No}, {"GET / HTTP/2.0\r\n", Request, No}, {"GET /\r\n", Request, No},
		{"PRI * HTTP/2.0\r\n", Request, No}, {"\x16\x03\x01", Request, No}, {"BREW /pot HTTP/1.1\r\n", Request, Yes}, {"BREW /pot", Request, No},
		{"H", Request, NeedMore}, {"HE", Request, NeedMore}, {"HEAD /", Request, Yes}, {"HT", Response, NeedMore},
		{"HTTP/1.1 20", Response, NeedMore}, {"HTTP/1.1 200", Response, Yes}, {"HTTP/1.0 404 N", Response, Yes}, {"HTTP/1.1 2000", Request, No},
		{"HTTP/2 200", Request, No}, {"HTTP/1.1 099", Request, No}, {"\n", Request, NeedMore},
	} {
		if d, v := Recognize([]byte(tt.in)); v != tt.v || v != No && d != tt.d {
			t.Errorf("Recognize(%q) = %d, %d; want %d, %d", tt.in, d, v, tt.d, tt.v)
		}
		if strings.HasPrefix(tt.in, "BREW") && tt.v == Yes {
			c := newConn(t, Options{})
			c.steps(">"+tt.in+"\r\n", "<"+ok2)
			if len(c.got) != 1 {
				t.Errorf("parser does not take unknown methods in a whole line")
			}
		}
	}
}
