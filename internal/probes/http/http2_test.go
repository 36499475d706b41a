// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	xhttp2 "golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/tracing"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// side2 writes the frames of one side of a connection.
type side2 struct {
	out   bytes.Buffer
	fr    *xhttp2.Framer
	enc   *hpack.Encoder
	block bytes.Buffer
}

func newSide2() *side2 {
	w := &side2{}
	w.fr = xhttp2.NewFramer(&w.out, nil)
	w.enc = hpack.NewEncoder(&w.block)
	return w
}

// headers writes fields, as "name: value".
func (w *side2) headers(t testing.TB, id uint32, end bool, fields ...string) *side2 {
	t.Helper()
	w.block.Reset()
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		require.NoError(t, w.enc.WriteField(hpack.HeaderField{Name: name, Value: value}))
	}
	require.NoError(t, w.fr.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: id, EndStream: end, EndHeaders: true, BlockFragment: w.block.Bytes()}))
	return w
}

func (w *side2) data(t testing.TB, id uint32, end bool, n int) *side2 {
	t.Helper()
	require.NoError(t, w.fr.WriteData(id, end, make([]byte, n)))
	return w
}

// conn2 is one end of a connection that speaks HTTP/2.
type conn2 struct {
	t              testing.TB
	b              *bench
	c              *stream.Conn
	h              stream.Handler
	client, server *side2
	now            uint64
}

func (b *bench) conn2(t testing.TB, role stream.Role, local, remote string) *conn2 {
	t.Helper()
	b.nextConn++
	c := &stream.Conn{
		ID: b.nextConn, Role: role, Proto: stream.ProtoHTTP2, Process: b.process("s"), NetNS: 7,
		Local: netip.MustParseAddrPort(local), Remote: netip.MustParseAddrPort(remote),
	}
	k := &conn2{t: t, b: b, c: c, h: b.p.second.Open(c), client: newSide2(), server: newSide2(), now: 10e6}
	k.client.out.WriteString(xhttp2.ClientPreface)
	require.NoError(t, k.client.fr.WriteSettings())
	require.NoError(t, k.server.fr.WriteSettings())
	return k
}

// flush hands over what both sides wrote, the client first.
func (c *conn2) flush() {
	for _, w := range []*side2{c.client, c.server} {
		d := stream.Receive
		if (w == c.client) == (c.c.Role == stream.Client) {
			d = stream.Send
		}
		c.now += 10e6
		if data := w.out.Bytes(); len(data) > 0 {
			c.h.Segment(&stream.Segment{Dir: d, Segment: segment.Segment{
				Data: data, Len: int64(len(data)), Start: c.now, End: c.now + 1e6, Tag: segment.Tag{TID: 5, Seq: uint32(c.now / 1e6)},
			}})
		}
		w.out.Reset()
	}
}

// lose drops what was written: observation begins after it.
func (c *conn2) lose() {
	c.client.out.Reset()
	c.server.out.Reset()
}

func (c *conn2) headers(w *side2, id uint32, end bool, fields ...string) {
	c.t.Helper()
	w.headers(c.t, id, end, fields...)
}

var (
	getFields  = []string{":method: GET", ":scheme: http", ":authority: shop.example:8443", ":path: /users/42?a=1&sig=abc", "user-agent: curl/8", "x-tenant: t1"}
	callFields = []string{":method: POST", ":scheme: http", ":path: /shop.Cart/Add", ":authority: cart:50051", "content-type: application/grpc", "te: trailers", "x-tenant: t1"}
	grpcHead   = []string{":status: 200", "content-type: application/grpc", "x-cache: hit"}
)

func TestSpansOfHTTP2Golden(t *testing.T) {
	const server, client = "10.0.0.1:8080", "10.0.0.2:40000"
	cases := []struct {
		name string
		role stream.Role
		play func(c *conn2)
	}{
		{"http2_server", stream.Server, func(c *conn2) {
			c.headers(c.client, 1, true, getFields...)
			c.headers(c.server, 1, false, ":status: 200", "x-cache: hit")
			c.server.data(c.t, 1, true, 700)
		}},
		{"http2_client", stream.Client, func(c *conn2) {
			c.headers(c.client, 1, true, getFields...)
			c.headers(c.server, 1, true, ":status: 404")
		}},
		{"http2_https", stream.Server, func(c *conn2) {
			c.headers(c.client, 1, true, ":method: GET", ":scheme: https", ":authority: shop.example", ":path: /a")
			c.headers(c.server, 1, true, ":status: 503")
		}},
		{"http2_reset", stream.Server, func(c *conn2) {
			c.headers(c.client, 1, true, getFields...)
			require.NoError(c.t, c.client.fr.WriteRSTStream(1, xhttp2.ErrCodeCancel))
		}},
		{"http2_goaway", stream.Client, func(c *conn2) {
			c.headers(c.client, 1, true, getFields...)
			c.headers(c.client, 3, true, getFields...)
			require.NoError(c.t, c.server.fr.WriteGoAway(1, xhttp2.ErrCodeNo, nil))
			c.headers(c.server, 1, true, ":status: 204")
		}},
		{"http2_joined_late", stream.Server, func(c *conn2) {
			c.headers(c.client, 1, true, getFields...)
			c.headers(c.server, 1, true, ":status: 200", "x-cache: hit")
			c.lose()
			c.headers(c.client, 3, true, getFields...)
			c.headers(c.server, 3, true, ":status: 200", "x-cache: hit")
		}},
		{"http2_closed", stream.Server, func(c *conn2) {
			c.headers(c.client, 1, true, getFields...)
			c.flush()
			c.h.Close(stream.Closed, 90e6)
		}},
		{"grpc_server", stream.Server, func(c *conn2) {
			c.headers(c.client, 1, false, callFields...)
			c.client.data(c.t, 1, true, 5)
			c.headers(c.server, 1, false, grpcHead...)
			c.server.data(c.t, 1, false, 5)
			c.headers(c.server, 1, true, "grpc-status: 0")
		}},
		{"grpc_client", stream.Client, func(c *conn2) {
			c.headers(c.client, 1, true, callFields...)
			c.headers(c.server, 1, true, append(grpcHead, "grpc-status: 5", "grpc-message: no")...)
		}},
		{"grpc_not_found_is_no_fault_of_the_server", stream.Server, func(c *conn2) {
			c.headers(c.client, 1, true, callFields...)
			c.headers(c.server, 1, true, append(grpcHead, "grpc-status: 5")...)
		}},
		{"grpc_unimplemented", stream.Server, func(c *conn2) {
			c.headers(c.client, 1, true, callFields...)
			c.headers(c.server, 1, true, append(grpcHead, "grpc-status: 12")...)
		}},
		{"grpc_odd_status", stream.Client, func(c *conn2) {
			c.headers(c.client, 1, true, callFields...)
			c.headers(c.server, 1, true, append(grpcHead, "grpc-status: 77")...)
		}},
		{"grpc_proxy_error", stream.Client, func(c *conn2) {
			c.headers(c.client, 1, true, callFields...)
			c.headers(c.server, 1, true, ":status: 502")
		}},
		{"grpc_cancelled", stream.Server, func(c *conn2) {
			c.headers(c.client, 1, false, callFields...)
			require.NoError(c.t, c.client.fr.WriteRSTStream(1, xhttp2.ErrCodeCancel))
		}},
		{"grpc_traceparent", stream.Server, func(c *conn2) {
			c.headers(c.client, 1, true, append(callFields, "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate: a=1")...)
			c.headers(c.server, 1, true, append(grpcHead, "grpc-status: 0")...)
		}},
	}
	for _, k := range cases {
		t.Run(k.name, func(t *testing.T) {
			b := newBench(t, func(cfg *Config) {
				cfg.Routes = []string{"/users/{id}"}
				cfg.BodySizes = true
				cfg.CaptureHeaders.Request = []string{"X-Tenant"}
				cfg.CaptureHeaders.Response = []string{"x-cache"}
			})
			local, remote := server, client
			if k.role == stream.Client {
				local, remote = remote, local
			}
			c := b.conn2(t, k.role, local, remote)
			k.play(c)
			c.flush()
			var got strings.Builder
			for _, s := range b.flush()["s"] {
				assert.NotZero(t, s.TraceID())
				got.WriteString(describe(s))
			}
			b.requireBalanced()
			golden(t, k.name, got.String())
		})
	}
}

// What observation began too late for is left out, and that is counted.
func TestIncompleteExchangesAreCounted(t *testing.T) {
	b := newBench(t, nil)
	c := b.conn2(t, stream.Server, "10.0.0.1:80", "10.0.0.2:999")
	c.headers(c.client, 1, true, getFields...)
	c.lose()
	for id := uint32(3); id < 9; id += 2 {
		c.headers(c.client, id, true, getFields...)
		c.headers(c.server, id, true, ":status: 200")
	}
	c.flush()
	counts := b.p.Counts()
	assert.EqualValues(t, 3, counts.Delivered)
	assert.EqualValues(t, 3, counts.Incomplete)
	b.requireBalanced()
	for _, s := range b.flush()["s"] {
		assert.Empty(t, attribute(s.Attributes(), "url.path"))
		assert.Empty(t, attribute(s.Attributes(), "server.address"))
		assert.Equal(t, "200", attribute(s.Attributes(), "http.response.status_code"))
	}
}

// Both ends of a connection are one trace, though many requests begin in one segment.
func TestStreamsMeetTheirOtherEnd(t *testing.T) {
	b := newBench(t, nil)
	front := b.conn2(t, stream.Client, "127.0.0.1:999", "127.0.0.1:80")
	back := b.conn2(t, stream.Server, "127.0.0.1:80", "127.0.0.1:999")
	for _, c := range []*conn2{back, front} { // the server's end is known first and is held
		for _, id := range []uint32{1, 3, 5} {
			c.headers(c.client, id, true, ":method: GET", ":scheme: http", ":authority: h", ":path: /"+string('0'+rune(id)))
		}
		for _, id := range []uint32{5, 1, 3} {
			c.headers(c.server, id, true, ":status: 200")
		}
		c.flush()
	}
	clients := map[pcommon.SpanID]string{}
	servers := 0
	spans := b.flush()["s"]
	for _, s := range spans {
		if s.Kind() == ptrace.SpanKindClient {
			clients[s.SpanID()] = strings.TrimPrefix(attribute(s.Attributes(), "url.full"), "http://h")
		}
	}
	for _, s := range spans {
		if s.Kind() == ptrace.SpanKindServer {
			servers++
			assert.Equal(t, attribute(s.Attributes(), "url.path"), clients[s.ParentSpanID()])
		}
	}
	assert.Equal(t, 3, servers)
	assert.Len(t, clients, 3)
	b.requireBalanced()
}

// What a server pushes answers no request.
func TestPushedIsFiltered(t *testing.T) {
	b := newBench(t, nil)
	c := b.conn2(t, stream.Server, "10.0.0.1:80", "10.0.0.2:999")
	c.headers(c.client, 1, true, getFields...)
	c.server.block.Reset()
	for _, f := range []hpack.HeaderField{{Name: ":method", Value: "GET"}, {Name: ":path", Value: "/s"}} {
		require.NoError(t, c.server.enc.WriteField(f))
	}
	require.NoError(t, c.server.fr.WritePushPromise(xhttp2.PushPromiseParam{StreamID: 1, PromiseID: 2, BlockFragment: c.server.block.Bytes(), EndHeaders: true}))
	c.headers(c.server, 1, true, ":status: 200")
	c.headers(c.server, 2, true, ":status: 200")
	c.flush()
	assert.EqualValues(t, 1, b.p.Counts().Filtered)
	assert.Len(t, b.flush()["s"], 1)
	b.requireBalanced()
}

// A connection goes on with HTTP/2 after the response that says so, also within one segment.
func TestUpgradeToHTTP2(t *testing.T) {
	const request = "GET /up HTTP/1.1\nHost: h\nConnection: Upgrade, HTTP2-Settings\nUpgrade: h2c\nHTTP2-Settings: AAMAAABkAAQAoAAA\n\n"
	for _, apart := range []bool{false, true} {
		b := newBench(t, nil)
		k := b.conn(b.process("s"), stream.Server, "10.0.0.1:80", "10.0.0.2:999")
		k.send(message{dir: stream.Receive, text: request, at: 1})
		server := newSide2()
		require.NoError(t, server.fr.WriteSettings())
		head := "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
		now := uint64(2e6)
		send := func(d stream.Direction, data string) {
			now += 1e6
			k.h.Segment(&stream.Segment{Dir: d, Segment: segment.Segment{Data: []byte(data), Len: int64(len(data)), Start: now, End: now}})
		}
		if apart {
			send(stream.Send, head)
			head = ""
		}
		send(stream.Send, head+server.headers(t, 1, true, ":status: 204").out.String())
		client := newSide2()
		client.out.WriteString(xhttp2.ClientPreface)
		require.NoError(t, client.fr.WriteSettings())
		send(stream.Receive, client.headers(t, 3, true, getFields...).out.String())
		server.out.Reset()
		send(stream.Send, server.headers(t, 3, true, ":status: 200").out.String())
		k.h.Close(stream.Closed, 90e6)
		var got []string
		for _, s := range b.flush()["s"] {
			got = append(got, attribute(s.Attributes(), "url.path")+" "+attribute(s.Attributes(), "http.response.status_code")+" "+attribute(s.Attributes(), "network.protocol.version"))
		}
		assert.Equal(t, []string{"/up 204 2", "/users/42 200 2"}, got)
		b.requireBalanced()
	}
}

func TestCallMetrics(t *testing.T) {
	b := newBench(t, func(cfg *Config) { cfg.Metrics.ServerAddress = true })
	c := b.conn2(t, stream.Server, "10.0.0.1:80", "10.0.0.2:999")
	for i, code := range []string{"0", "0", "13"} {
		id := uint32(1 + 2*i)
		c.headers(c.client, id, true, callFields...)
		c.headers(c.server, id, true, append(grpcHead, "grpc-status: "+code)...)
		c.flush()
	}
	m := b.collect(epoch)
	require.Len(t, m, 1)
	points := m["s/rpc.server.call.duration"].Histogram().DataPoints()
	got := map[string]uint64{}
	for _, p := range points.All() {
		assert.Equal(t, "grpc", attribute(p.Attributes(), "rpc.system.name"))
		assert.Equal(t, "cart", attribute(p.Attributes(), "server.address"))
		assert.Equal(t, "50051", attribute(p.Attributes(), "server.port"))
		got[attribute(p.Attributes(), "rpc.method")+" "+attribute(p.Attributes(), "rpc.response.status_code")+" "+attribute(p.Attributes(), "error.type")] = p.Count()
	}
	assert.Equal(t, map[string]uint64{"shop.Cart/Add OK ": 2, "shop.Cart/Add INTERNAL INTERNAL": 1}, got)
}

func TestGRPCTraceBin(t *testing.T) {
	raw, err := hex.DecodeString("00" + "00" + "0af7651916cd43dd8448eb211c80319c" + "01" + "b7ad6b7169203331" + "02" + "01")
	require.NoError(t, err)
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding} {
		var r tracing.Remote
		grpcTraceBin(&r, []byte(encoding.EncodeToString(raw)))
		assert.True(t, r.Valid)
		assert.Equal(t, tracing.Keep, r.Decided)
		assert.Equal(t, raw[2:18], r.TraceID[:])
		assert.Equal(t, raw[19:27], r.SpanID[:])
	}
	for _, bad := range []string{"", "AA", "!!!!", base64.StdEncoding.EncodeToString(make([]byte, 29)), base64.StdEncoding.EncodeToString(append(raw, 1))} {
		var r tracing.Remote
		grpcTraceBin(&r, []byte(bad))
		assert.False(t, r.Says(), bad)
	}
}

func TestLossesOfHTTP2AreCounted(t *testing.T) {
	b := newBench(t, nil)
	b.p.second.Lost(nil, 4)
	c := b.conn2(t, stream.Server, "10.0.0.1:80", "10.0.0.2:999")
	c.headers(c.server, 7, true, ":status: 200")
	c.flush()
	counts := b.p.Counts()
	assert.EqualValues(t, 4, counts.Lost[probe.RingFull])
	assert.EqualValues(t, 1, counts.Lost[probe.Unmatched])
	b.requireBalanced()
}
