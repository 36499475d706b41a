// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	xhttp2 "golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment/segmenttest"
)

// event is a run of stream bytes before it is cut into segments; without bytes it is a FIN.
type event = segmenttest.Event

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
	known := func(ok bool, v any) string {
		if ok {
			return fmt.Sprint(v)
		}
		return "-"
	}
	s := fmt.Sprintf("%d %s %s %s %d/%d %s", e.StreamID, known(e.Method != nil, string(e.Method)), known(e.Path != nil, string(e.Path)),
		known(e.StatusKnown, e.Status), e.RequestBodySize, e.ResponseBodySize, e.Outcome)
	if e.GRPC {
		s += fmt.Sprintf(" grpc %s %d/%d", known(e.GRPCStatusKnown, e.GRPCStatus), e.RequestMessages, e.ResponseMessages)
	}
	if e.Reset != ResetNone {
		s += fmt.Sprintf(" reset %d by %d", e.ResetCode, e.Reset)
	}
	if e.Upgraded {
		s += " upgraded"
	}
	if e.Pushed {
		s += " pushed"
	}
	return s
}

// seg hands over bytes of which n more were not captured.
func (c *conn) seg(d Direction, b string, missing int) {
	c.now += 10
	data := []byte(b)
	c.p.Segment(d, &Segment{Data: data, Len: int64(len(b) + missing), Start: c.now, End: c.now + 5, Tag: Tag{Seq: uint32(c.now)}})
	for i := range data { // valid only during the call
		data[i] = 'X'
	}
	c.check()
}

// check verifies conservation and the bounds of memory.
func (c *conn) check() {
	c.t.Helper()
	s := c.cfg.Stats()
	if s.Requests != s.Exchanges+s.Drops()+uint64(c.p.Pending()) {
		c.t.Fatalf("conservation: %d pending, %+v", c.p.Pending(), *s)
	}
	bytes, waiting := 0, 0
	for _, o := range c.p.streams {
		st := o.st
		bytes += len(st.buf)
		if st.waits {
			waiting++
		}
	}
	if bytes != c.p.bytes || waiting != c.p.waiting || len(c.p.streams) > c.cfg.maxStreams || bytes > 2*openHeads*c.cfg.maxHeader {
		c.t.Fatalf("%d streams, %d of %d bytes, %d of %d waiting", len(c.p.streams), bytes, c.p.bytes, waiting, c.p.waiting)
	}
	for d := range c.p.side {
		sd := &c.p.side[d]
		if n := max(len(sd.buf), len(sd.block.buf)); n > c.cfg.maxHeader {
			c.t.Fatalf("%d bytes buffered", n)
		}
		if len(sd.table.buf) > 3*maxTable || len(sd.table.ring) > maxTable/entryOverhead {
			c.t.Fatalf("table of %d bytes, %d entries", len(sd.table.buf), len(sd.table.ring))
		}
	}
}

func (c *conn) want(want ...string) {
	c.t.Helper()
	if g, w := strings.Join(c.got, "\n"), strings.Join(want, "\n"); g != w {
		c.t.Errorf("got:\n%s\nwant:\n%s\n%+v", g, w, *c.cfg.Stats())
	}
}

// play cuts each event at the points that cut gives and captures a prefix of each piece.
func (c *conn) play(ev []event, cut, prefix func(n int) int) {
	c.t.Helper()
	p := segmenttest.Player{Parser: c.p, Now: c.now, Check: c.check}
	p.Play(ev, segmenttest.Cut{Piece: cut, Prefix: prefix, Last: true})
	c.now = p.Now
}

func whole(n int) int { return n }

// peer writes the frames of one direction.
type peer struct {
	buf  bytes.Buffer
	fr   *xhttp2.Framer
	enc  *hpack.Encoder
	hbuf bytes.Buffer
}

func newPeer() *peer {
	w := new(peer)
	w.fr = xhttp2.NewFramer(&w.buf, nil)
	w.fr.AllowIllegalWrites = true
	w.enc = hpack.NewEncoder(&w.hbuf)
	return w
}

func (w *peer) take() string {
	s := w.buf.String()
	w.buf.Reset()
	return s
}

// block encodes "name=value" fields.
func (w *peer) block(fields ...string) []byte {
	w.hbuf.Reset()
	for _, f := range fields {
		name, v, _ := strings.Cut(f, "=")
		sensitive := strings.HasPrefix(name, "!")
		w.enc.WriteField(hpack.HeaderField{Name: strings.TrimPrefix(name, "!"), Value: v, Sensitive: sensitive})
	}
	return w.hbuf.Bytes()
}

func (w *peer) headers(id uint32, end bool, fields ...string) *peer {
	w.fr.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: id, EndStream: end, EndHeaders: true, BlockFragment: w.block(fields...)})
	return w
}

func (w *peer) data(id uint32, end bool, n int) *peer {
	w.fr.WriteData(id, end, make([]byte, n))
	return w
}

// message writes a gRPC message in a DATA frame of its own.
func (w *peer) message(id uint32, end bool, n int) *peer {
	w.fr.WriteData(id, end, append([]byte{0, 0, 0, byte(n >> 8), byte(n)}, bytes.Repeat([]byte{9}, n)...))
	return w
}

func get(path string) []string {
	return []string{":method=GET", ":scheme=http", ":path=" + path, ":authority=h:80", "user-agent=t/1"}
}

func call(path string) []string {
	return []string{":method=POST", ":scheme=http", ":path=" + path, ":authority=h", "content-type=application/grpc", "te=trailers"}
}

const preface = clientPreface

func started(t testing.TB, o Options) (*conn, *peer, *peer) {
	c, cl, sv := newConn(t, o), newPeer(), newPeer()
	cl.fr.WriteSettings(xhttp2.Setting{ID: xhttp2.SettingMaxFrameSize, Val: 1 << 20})
	sv.fr.WriteSettings()
	sv.fr.WriteSettingsAck()
	c.seg(Request, preface+cl.take(), 0)
	c.seg(Response, sv.take(), 0)
	return c, cl, sv
}

func TestExchanges(t *testing.T) {
	for name, tt := range map[string]struct {
		run  func(c *conn, cl, sv *peer)
		want []string
	}{
		"multiplexed": {func(c *conn, cl, sv *peer) {
			c.seg(Request, cl.headers(1, true, get("/a")...).headers(3, false, get("/b")...).data(3, true, 7).take(), 0)
			c.seg(Response, sv.headers(3, false, ":status=404").headers(1, false, ":status=200").data(1, false, 5).data(3, true, 9).data(1, true, 0).take(), 0)
		}, []string{"3 GET /b 404 7/9 complete", "1 GET /a 200 0/5 complete"}},
		"interim and trailers": {func(c *conn, cl, sv *peer) {
			c.seg(Request, cl.headers(1, false, get("/a")...).data(1, false, 1).headers(1, true, "x-sum=1").take(), 0)
			c.seg(Response, sv.headers(1, false, ":status=103", "link=x").headers(1, false, ":status=200").data(1, false, 3).headers(1, true, "x-sum=2").take(), 0)
		}, []string{"1 GET /a 200 1/3 complete"}},
		"padding, priority and continuation": {func(c *conn, cl, sv *peer) {
			b := cl.block(get("/long")...)
			cl.fr.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: 1, PadLength: 9, Priority: xhttp2.PriorityParam{StreamDep: 3, Weight: 2}, BlockFragment: b[:3]})
			cl.fr.WriteContinuation(1, false, b[3:5])
			cl.fr.WriteContinuation(1, true, b[5:])
			cl.fr.WriteDataPadded(1, true, make([]byte, 11), make([]byte, 200))
			c.seg(Request, cl.take(), 0)
			sv.headers(1, false, ":status=200").fr.WriteDataPadded(1, true, make([]byte, 4), make([]byte, 3))
			c.seg(Response, sv.take(), 0)
		}, []string{"1 GET /long 200 11/4 complete"}},
		"push": {func(c *conn, cl, sv *peer) {
			c.seg(Request, cl.headers(1, true, get("/")...).take(), 0)
			sv.fr.WritePushPromise(xhttp2.PushPromiseParam{StreamID: 1, PromiseID: 2, EndHeaders: true, PadLength: 1, BlockFragment: sv.block(get("/s.css")...)})
			c.seg(Response, sv.headers(1, false, ":status=200").headers(2, false, ":status=200").data(2, true, 6).data(1, true, 1).take(), 0)
		}, []string{"2 GET /s.css 200 0/6 complete pushed", "1 GET / 200 0/1 complete"}},
		"resets": {func(c *conn, cl, sv *peer) {
			cl.headers(1, true, get("/1")...).headers(3, true, get("/3")...).headers(5, false, get("/5")...)
			c.seg(Request, cl.take(), 0)
			sv.headers(1, false, ":status=200").data(1, false, 2).headers(5, true, ":status=413").fr.WriteRSTStream(5, 0)
			sv.fr.WriteRSTStream(3, 7)
			c.seg(Response, sv.take(), 0)
			cl.fr.WriteRSTStream(1, 8)
			c.seg(Request, cl.take(), 0)
		}, []string{"5 GET /5 413 0/0 complete reset 0 by 2", "3 GET /3 - 0/-1 no response reset 7 by 2", "1 GET /1 200 0/2 response cut reset 8 by 1"}},
		"goaway": {func(c *conn, cl, sv *peer) {
			c.seg(Request, cl.headers(1, true, get("/1")...).headers(3, true, get("/3")...).take(), 0)
			sv.fr.WriteGoAway(1, 11, []byte("debug"))
			c.seg(Response, sv.take(), 0)
			c.seg(Request, cl.headers(5, true, get("/5")...).take(), 0)
			c.seg(Response, sv.headers(1, true, ":status=204").take(), 0)
		}, []string{"3 GET /3 - 0/-1 no response reset 11 by 3", "5 GET /5 - 0/-1 no response reset 0 by 3", "1 GET /1 204 0/0 complete"}},
		"connect": {func(c *conn, cl, sv *peer) {
			c.seg(Request, cl.headers(1, false, ":method=CONNECT", ":authority=x:1").headers(3, false, ":method=CONNECT", ":protocol=websocket", ":scheme=http", ":path=/ws", ":authority=x").take(), 0)
			c.seg(Response, sv.headers(3, false, ":status=200").headers(1, false, ":status=200").data(1, false, 5).data(3, true, 5).take(), 0)
			c.seg(Request, cl.data(1, true, 5).take(), 0)
		}, []string{"3 CONNECT /ws 200 0/0 complete upgraded", "1 CONNECT - 200 0/0 complete upgraded"}},
		"grpc": {func(c *conn, cl, sv *peer) {
			c.seg(Request, cl.headers(1, false, call("/p.S/M")...).message(1, false, 3).message(1, true, 0).headers(3, false, call("/p.S/N")...).message(3, true, 1).take(), 0)
			sv.headers(1, false, ":status=200", "content-type=application/grpc+proto").message(1, false, 300).message(1, false, 20).headers(1, true, "grpc-status=0")
			c.seg(Response, sv.headers(3, true, ":status=200", "content-type=application/grpc", "grpc-status=12", "grpc-message=no").take(), 0)
		}, []string{"1 POST /p.S/M 200 13/330 complete grpc 0 2/2", "3 POST /p.S/N 200 6/0 complete grpc 12 1/0"}},
		"the end of the connection": {func(c *conn, cl, sv *peer) {
			c.seg(Request, cl.headers(1, true, get("/1")...).headers(3, true, get("/3")...).take(), 0)
			c.seg(Response, sv.headers(3, false, ":status=200").data(3, false, 2).take(), 0)
			c.p.Close(CloseReset, 999)
		}, []string{"1 GET /1 - 0/-1 no response", "3 GET /3 200 0/2 response cut"}},
		"a request that never ends": {func(c *conn, cl, sv *peer) {
			c.seg(Request, cl.headers(1, false, get("/1")...).data(1, false, 2).take(), 0)
			c.seg(Response, sv.headers(1, true, ":status=400").take(), 0)
			c.want()
			c.p.Idle(5000)
		}, []string{"1 GET /1 400 2/0 complete"}},
	} {
		t.Run(name, func(t *testing.T) {
			c, cl, sv := started(t, Options{})
			c.t = t
			tt.run(c, cl, sv)
			c.want(tt.want...)
			if s := c.cfg.Stats(); s.UnknownFields+s.BadBlocks+s.BadFrames+s.SkippedBytes+s.TableLosses != 0 {
				t.Errorf("%+v", *s)
			}
		})
	}
}

// A hole inside frames of known length costs nothing.
func TestHoleInData(t *testing.T) {
	c, cl, sv := started(t, Options{})
	cl.headers(1, false, call("/p.S/M")...).message(1, true, 1000)
	b := cl.take()
	c.seg(Request, b[:len(b)-900], 900)
	sv.headers(1, false, ":status=200", "content-type=application/grpc").message(1, false, 10000)
	b = sv.take()
	c.seg(Response, b[:200], len(b)-200)
	c.seg(Response, sv.headers(1, true, "grpc-status=5").take(), 0)
	c.want("1 POST /p.S/M 200 1005/10005 complete grpc 5 1/1")
}

// What a hole hid of messages' framing makes their number unknown, not the exchange.
func TestHoleInMessages(t *testing.T) {
	c, cl, sv := started(t, Options{})
	c.seg(Request, cl.headers(1, false, call("/p.S/M")...).message(1, true, 1).take(), 0)
	sv.headers(1, false, ":status=200").fr.WriteData(1, false, bytes.Repeat([]byte{0, 0, 0, 0, 1, 7}, 100))
	b := sv.take()
	c.seg(Response, b[:100], len(b)-100)
	c.seg(Response, sv.headers(1, true, "grpc-status=0").take(), 0)
	c.want("1 POST /p.S/M 200 6/600 complete grpc 0 1/-1")
	if c.cfg.Stats().MessagesLost != 1 {
		t.Errorf("%+v", *c.cfg.Stats())
	}
}

// Streams that a lost part of the response touches are completed by what follows, or counted.
func TestLostResponses(t *testing.T) {
	c, cl, sv := started(t, Options{})
	for id := uint32(1); id <= 9; id += 2 {
		cl.headers(id, true, get(fmt.Sprint("/", id))...)
	}
	c.seg(Request, cl.take(), 0)
	c.seg(Response, sv.headers(5, false, ":status=200").take(), 0)
	lost := sv.headers(1, false, ":status=200").headers(3, true, ":status=201", "server=s").headers(9, true, ":status=200").take()
	c.p.Skip(Response, int64(len(lost)))
	c.check()
	c.seg(Response, sv.data(1, true, 4).headers(7, false, ":status=201", "server=s", "content-type=text/plain").data(7, true, 3).take(), 0)
	c.want("1 GET /1 - 0/-1 complete", "7 GET /7 - 0/-1 complete")
	if s := c.cfg.Stats(); s.UnknownFields != 2 || c.all[1].ResponseUnknown != 2 || s.BadBlocks != 0 {
		t.Errorf("%+v", *s)
	}
	c.now += 2 * sweepAfter
	c.seg(Response, sv.data(5, false, 1).take(), 0)
	c.seg(Response, sv.data(5, false, 1).take(), 0)
	if s := c.cfg.Stats(); s.DropNoStatus != 2 {
		t.Errorf("%d pending, %+v", c.p.Pending(), *s)
	}
	c.want("1 GET /1 - 0/-1 complete", "7 GET /7 - 0/-1 complete", "5 GET /5 200 0/-1 truncated")
}

// A connection joined late: static and literal fields are known, the others counted.
func TestJoinedLate(t *testing.T) {
	c, cl, sv := newConn(t, Options{}), newPeer(), newPeer()
	cl.headers(1, true, get("/old")...)
	sv.headers(1, true, ":status=201", "server=s")
	cl.take()
	sv.take()
	c.seg(Response, string(make([]byte, 50))+sv.data(1, false, 0).take(), 0) // within something
	c.seg(Request, cl.headers(3, true, get("/new")...).take(), 0)
	c.seg(Response, sv.headers(3, false, ":status=201", "server=s").data(3, true, 1).take(), 0)
	c.seg(Request, cl.headers(5, true, get("/new")...).take(), 0)
	c.seg(Response, sv.headers(5, true, ":status=200").take(), 0)
	c.want("3 GET /new - 0/-1 complete", "5 GET /new 200 0/0 complete")
	if e := c.all[1]; string(e.Authority) != "" || e.RequestUnknown != 2 || c.cfg.Stats().UnknownFields != 6 {
		t.Errorf("%+v %+v", e, *c.cfg.Stats())
	}
}

// Settings allow larger tables than the default, also when the server sends them before the
// client's preface. A table grows when its encoder says so.
func TestHeaderTableSize(t *testing.T) {
	for _, allowed := range []uint32{defaultTable, 8192} {
		c, cl, sv := newConn(t, Options{}), newPeer(), newPeer()
		sv.fr.WriteSettings(xhttp2.Setting{ID: xhttp2.SettingHeaderTableSize, Val: allowed})
		c.seg(Response, sv.take(), 0)
		cl.fr.WriteSettings()
		c.seg(Request, preface+cl.take(), 0)
		cl.enc.SetMaxDynamicTableSizeLimit(8192)
		cl.enc.SetMaxDynamicTableSize(8192)
		for id := uint32(1); id < 200; id += 2 {
			c.seg(Request, cl.headers(id, true, get(fmt.Sprint("/", id/40))...).take(), 0)
			c.seg(Response, sv.headers(id, true, ":status=204").take(), 0)
		}
		bad := uint64(0)
		if allowed < 8192 {
			bad = 1
		}
		if s := c.cfg.Stats(); s.BadBlocks != bad || s.Exchanges != 100 || bad == 0 && s.UnknownFields != 0 || c.p.side[Request].table.limit != allowed*uint32(1-bad) {
			t.Errorf("allowed %d: limit %d, %+v", allowed, c.p.side[Request].table.limit, *s)
		}
	}
}

func TestUpgraded(t *testing.T) {
	c, cl, sv := newConn(t, Options{RequestHeaders: []string{"x-a"}}), newPeer(), newPeer()
	c.p.Upgrade(&Exchange{Method: []byte("GET"), Path: []byte("/up"), Host: []byte("h"), RequestStart: 3, RequestEnd: 4,
		RequestHeaders: []HeaderValue{{0, []byte("v")}}, RequestTag: Tag{Seq: 9}})
	sv.fr.WriteSettings()
	c.seg(Response, sv.headers(1, false, ":status=200", "server=s").take(), 0)
	c.seg(Request, preface[:10], 0)
	cl.fr.WriteSettings()
	c.seg(Request, preface[10:]+cl.headers(3, true, get("/b")...).take(), 0)
	c.seg(Response, sv.data(1, true, 8).headers(3, true, ":status=204", "server=s").take(), 0)
	c.want("1 GET /up 200 0/8 complete", "3 GET /b 204 0/0 complete")
	if e := c.all[0]; e.RequestStart != 3 || e.RequestTag.Seq != 9 || len(e.RequestHeaders) != 1 || c.cfg.Stats().TableLosses+c.cfg.Stats().UnknownFields != 0 {
		t.Errorf("%+v", e)
	}
}

// A peer that opens streams without end is bounded, and counted.
func TestOverflow(t *testing.T) {
	c, cl, _ := started(t, Options{MaxStreams: 8})
	for id := uint32(1); id < 200; id += 2 {
		c.seg(Request, cl.headers(id, true, get("/")...).take(), 0)
	}
	if s := c.cfg.Stats(); s.Requests != 100 || s.DropOverflow != 92 || c.p.Pending() != 8 {
		t.Errorf("%+v", *s)
	}
	c.p.Reset()
	if s := c.cfg.Stats(); s.Exchanges != 8 {
		t.Errorf("%+v", *s)
	}
}

// A small block may name a large entry many times: what is kept is bounded.
func TestHeaderBomb(t *testing.T) {
	c, cl, _ := started(t, Options{RequestHeaders: []string{"x-big"}})
	b := append([]byte(nil), cl.block(append(get("/"), "x-big="+strings.Repeat("v", 3000))...)...)
	b = append(b, bytes.Repeat([]byte{0x80 | 62}, 10000)...)
	cl.fr.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: 1, EndStream: true, EndHeaders: true, BlockFragment: b})
	c.seg(Request, cl.take(), 0)
	c.p.Close(CloseNormal, 1)
	if s := c.cfg.Stats(); s.HeadersNotKept < 9000 || len(c.all[0].RequestHeaders) > 22 {
		t.Errorf("%d kept, %+v", len(c.all[0].RequestHeaders), *s)
	}
}

// What a field of no interest holds is in no buffer after the call.
func TestNoCredentialsKept(t *testing.T) {
	const secret = "Bearer 0123456789abcdef!!"
	_, cl, _ := started(t, Options{})
	cl.headers(1, true, append(get("/"), "authorization="+secret, "!x=1")...)
	b := cl.take()
	for cut := 1; cut < len(b); cut += 7 {
		c, _, _ := started(t, Options{})
		c.seg(Request, b[:cut], 0)
		c.seg(Request, b[cut:], 0)
		sd := &c.p.side[Request]
		kept := [][]byte{sd.buf[:cap(sd.buf)], sd.block.buf[:cap(sd.block.buf)], sd.table.buf[:cap(sd.table.buf)],
			c.cfg.valueBuf[:cap(c.cfg.valueBuf)], c.p.find(1).buf}
		raw := hpack.AppendHuffmanString(nil, secret)
		for _, k := range kept {
			if bytes.Contains(k, []byte("0123456789")) || bytes.Contains(k, raw[4:12]) {
				t.Fatalf("cut at %d: %q", cut, k)
			}
		}
	}
}
