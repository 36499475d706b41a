// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment/segmenttest"
)

// sized puts the size before a message.
func sized(body string) string {
	return string(binary.BigEndian.AppendUint32(nil, uint32(len(body)))) + body
}

func number(id int32) string { return string(binary.BigEndian.AppendUint32(nil, uint32(id))) }

// request is one of an API whose body is not read.
func request(api API, version uint16, id int32, body string) string {
	b := binary.BigEndian.AppendUint16(nil, uint16(api))
	b = binary.BigEndian.AppendUint16(b, version)
	return sized(string(b) + number(id) + "\x00\x01c" + body)
}

func response(id int32, body string) string { return sized(number(id) + body) }

// produce is version 7 with one topic, one partition and a batch of n records of no bytes.
func produce(id int32, acks int8, n byte) string {
	return request(Produce, 7, id, "\xff\xff"+string([]byte{byte(acks >> 7), byte(acks)})+"\x00\x00\x00\x00"+
		"\x00\x00\x00\x01\x00\x01t\x00\x00\x00\x01\x00\x00\x00\x05"+sized(batch(n, "")))
}

// batch is one of n records.
func batch(n byte, records string) string {
	return strings.Repeat("\x00", 8) + sized("\x00\x00\x00\x00\x02"+strings.Repeat("\x00", 4+2+4+8+8+8+2+4)+"\x00\x00\x00"+string([]byte{n})+records)
}

// produced answers produce.
func produced(id int32, code byte) string {
	return response(id, "\x00\x00\x00\x01\x00\x01t\x00\x00\x00\x01\x00\x00\x00\x05\x00"+string([]byte{code})+
		strings.Repeat("\x00", 7)+"\x09"+strings.Repeat("\x00", 8+8+4))
}

// steps plays events: ">" or "<" and bytes, where "{n}" at the end stands for n uncaptured
// bytes; "> FIN", "< SKIP n".
func (c *conn) steps(steps ...any) {
	c.t.Helper()
	for i := 0; i < len(steps); i++ {
		d := segment.Request
		if steps[i].(string) == "<" {
			d = segment.Response
		}
		c.Now += 10
		i++
		switch v := steps[i].(type) {
		case int:
			c.p.Skip(d, int64(v))
			c.check()
		case nil:
			c.p.EOF(d, c.Now)
			c.check()
		case prefix:
			s := segment.Segment{Data: []byte(v.b[:v.n]), Len: int64(len(v.b)), Start: c.Now, End: c.Now + 1}
			c.p.Segment(d, &s)
			c.check()
		case string:
			c.Play([]segmenttest.Event{{Dir: d, Bytes: v}}, segmenttest.Cut{})
		}
	}
}

// prefix is a segment of which n bytes were captured.
type prefix struct {
	b string
	n int
}

func TestSteps(t *testing.T) {
	const (
		one = "Produce v7 #1 c acks=1 t/5+1:3@9,61B err= 103/53 complete"
		two = "Produce v7 #2 c acks=1 t/5+1:4@9,61B err= 103/53 complete"
	)
	tests := []struct {
		name  string
		steps []any
		want  []string
		stats Stats // of what is not zero besides Requests and Exchanges
	}{
		{"one", []any{">", produce(1, 1, 3), "<", produced(1, 0)}, []string{one}, Stats{}},
		{"error", []any{">", produce(1, 1, 3), "<", produced(1, 3)},
			[]string{"Produce v7 #1 c acks=1 t/5+1:3@-1,61B!UNKNOWN_TOPIC_OR_PARTITION err=UNKNOWN_TOPIC_OR_PARTITION 103/53 complete"}, Stats{}},
		{"pipelined", []any{">", produce(1, 1, 3) + produce(2, 1, 4), "<", produced(1, 0) + produced(2, 0)}, []string{one, two}, Stats{}},
		{"no acks", []any{">", produce(1, 0, 3), ">", produce(2, 1, 4), "<", produced(2, 0)},
			[]string{"Produce v7 #1 c acks=0 t/5+1:3@-1,61B 103/-1 no reply", two}, Stats{}},
		{"acks not seen", []any{">", prefix{produce(1, 0, 3), 16}, ">", produce(2, 1, 4), "<", produced(2, 0)},
			[]string{"Produce v7 #1 c ... 103/-1 no reply", two}, Stats{CutBodies: 1}},
		{"acks not seen, a response missed", []any{">", prefix{produce(1, 0, 3), 16}, ">", produce(2, 1, 4), "<", 50, "<", produced(2, 0)},
			[]string{two}, Stats{CutBodies: 1, DropNoStatus: 1, Gaps: 1, GapBytes: 50}},
		{"a response missed, the other comes later", []any{">", produce(1, 1, 3), "<", 53, ">", produce(2, 1, 4), "<", produced(2, 0)},
			[]string{two}, Stats{DropNoStatus: 1, Gaps: 1, GapBytes: 53}},
		{"a response missed, then the end", []any{">", produce(1, 1, 3), "<", 53, "<", nil}, nil, Stats{DropNoStatus: 1, Gaps: 1, GapBytes: 53}},
		{"no response", []any{">", produce(1, 1, 3), "<", nil}, []string{"Produce v7 #1 c acks=1 t/5+1:3@-1,61B 103/-1 no response"}, Stats{}},
		{"response cut", []any{">", produce(1, 1, 3), "<", produced(1, 0)[:20], "<", nil},
			[]string{"Produce v7 #1 c acks=1 t/5+1:3@-1,61B 103/53 response cut"}, Stats{CutBodies: 1}},
		{"end of a response in lost bytes", []any{">", produce(1, 1, 3), "<", produced(1, 0)[:49], "<", 30},
			[]string{"Produce v7 #1 c acks=1 t/5+1:3@9,61B err= 103/53 truncated"}, Stats{Gaps: 1, GapBytes: 26}},
		{"a response begins before its request ends", []any{">", produce(1, 1, 3)[:60], "<", produced(1, 0), ">", produce(1, 1, 3)[60:] + produce(2, 1, 4), "<", produced(2, 0)},
			[]string{"Produce v7 #1 c acks=1 t/5+1:-1@9,61B ... err= 103/53 complete", two}, Stats{CutBodies: 1}},
		{"orphan", []any{">", 103, ">", produce(2, 1, 4), "<", produced(1, 0), "<", produced(2, 0), "<", produced(7, 0)},
			[]string{two}, Stats{Gaps: 1, GapBytes: 103, SkippedBytes: 53, OrphanResponses: 1}},
		{"header cut", []any{">", produce(1, 1, 3) + produce(2, 1, 4)[:6], ">", 200, "<", produced(1, 0) + produced(2, 0)},
			[]string{one}, Stats{DropCut: 1, Gaps: 1, GapBytes: 200, GhostResponses: 1}},
		{"size read before observation", []any{">", produce(1, 1, 3)[4:], "<", produced(1, 0), ">", produce(2, 1, 4), "<", produced(2, 0)},
			[]string{"Produce v7 #1 c acks=1 t/5+1:3@9,61B err= -1/53 complete", two}, Stats{}},
		{"sizes apart", []any{">", produce(1, 1, 3)[:4], ">", produce(1, 1, 3)[4:], "<", produced(1, 0)[:4], "<", produced(1, 0)[4:]}, []string{one}, Stats{}},
		{"joined within a message", []any{">", "middle of a message", ">", produce(1, 1, 3), "<", "of a response", "<", produced(1, 0)},
			[]string{one}, Stats{SkippedBytes: 32}},
		{"garbage", []any{">", produce(1, 1, 3), ">", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "<", produced(1, 0), ">", produce(2, 1, 4), "<", produced(2, 0)},
			[]string{one, two}, Stats{UndecodableRequests: 1, SkippedBytes: 12}},
		{"token", []any{">", request(SaslHandshake, 0, 1, "\x00\x05PLAIN"), "<", response(1, "\x00\x00\x00\x00\x00\x00"), ">", sized("\x00user\x00password"), "<", sized(""), ">", produce(2, 1, 4), "<", produced(2, 0)},
			[]string{"SaslHandshake v0 #1 c 22/14 complete", two}, Stats{Tokens: 1}},
		{"hidden tokens", []any{
			">", request(SaslHandshake, 0, 1, "\x00\x05PLAIN"), "<", response(1, "\x00\x00\x00\x00\x00\x00"),
			">", 40, "<", response(2, "\x00\x00"), ">", produce(3, 1, 3)[:4], ">", 99, "<", response(3, "\x00\x00"), ">", produce(2, 1, 4), "<", produced(2, 0),
		},
			[]string{"SaslHandshake v0 #1 c 22/14 complete", two}, Stats{Tokens: 2}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := newConn(t, Options{})
			c.steps(test.steps...)
			if got := c.result(); got != strings.Join(test.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", got, strings.Join(test.want, "\n"))
			}
			s := *c.cfg.Stats()
			test.stats.Requests, test.stats.Exchanges = s.Requests, s.Exchanges
			if s != test.stats {
				t.Errorf("got %+v\nwant %+v", s, test.stats)
			}
		})
	}
}

// More requests than may wait are counted, and so are their responses.
func TestOverflow(t *testing.T) {
	c := newConn(t, Options{MaxPipeline: 3})
	var requests, responses strings.Builder
	for i := range int32(10) {
		requests.WriteString(request(Metadata, 1, i, "\x00\x00\x00\x00"))
		responses.WriteString(response(i, ""))
	}
	c.steps(">", requests.String(), "<", responses.String())
	c.result()
	if s := c.cfg.Stats(); s.Requests != 10 || s.Exchanges != 3 || s.DropOverflow != 7 || s.GhostResponses != 7 || s.OrphanResponses != 0 {
		t.Errorf("%+v", *s)
	}
}

// A record is "key", "value" and headers of one or two bytes of lengths.
func record(headers ...string) string {
	body := append([]byte("\x00\x00\x00\x06key\x0avalue"), byte(len(headers)))
	for _, h := range headers {
		body = binary.AppendVarint(body, int64(len(h)))
		body = append(body, h...)
	}
	return string(append(binary.AppendVarint(nil, int64(len(body))), body...))
}

// Trace context is read from the headers of records, and a hole costs what it hides only.
func TestContexts(t *testing.T) {
	const parent, other = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203332-01"
	with := func(key, value string) string {
		r := record(key, value)
		return strings.Replace(r, "value\x04", "value\x02", 1) // pairs: two strings are one header
	}
	of := func(id int32, records ...string) string {
		b := batch(byte(len(records)), strings.Join(records, "")) + batch(1, record())
		return request(Produce, 7, id, "\xff\xff\x00\x01\x00\x00\x00\x00"+"\x00\x00\x00\x02\x00\x01t\x00\x00\x00\x01\x00\x00\x00\x05"+sized(b)+
			"\x00\x01u\x00\x00\x00\x01\x00\x00\x00\x06"+sized(batch(2, record()+record())))
	}
	whole := of(1, with("traceparent", parent), with("traceparent", other), with("traceparent", parent), record())
	c := newConn(t, Options{TraceContext: true})
	c.steps(">", whole)
	want := "Produce v7 #1 c acks=1 t/5+1:5@-1,"
	got := c.result()
	if !strings.HasPrefix(got, want) || !strings.Contains(got, " u/6+1:2@-1,91B <"+parent+"||> <"+other+"||> 3/7 ") {
		t.Error(got)
	}
	at := strings.Index(whole, other)
	for _, n := range []int{10, 100} { // in the second record; up to the fourth
		c := newConn(t, Options{TraceContext: true})
		c.steps(">", prefix{whole[:at+n], at - 5}, ">", whole[at+n:])
		got := c.result()
		if !strings.HasPrefix(got, want) || !strings.Contains(got, " u/6+1:2@-1,91B <"+parent+"||> 1/4? ") {
			t.Errorf("a hole of %d: %s", n, got)
		}
	}
	c = newConn(t, Options{TraceContext: true})
	c.steps(">", prefix{whole[:len(whole)-130], at - 5}, ">", whole[len(whole)-130:]) // to the second batch
	if got := c.result(); !strings.Contains(got, " t/5+1:-1@-1,") || !strings.Contains(got, " u/6+1:2@-1,91B <"+parent+"||> 1/3? ") {
		t.Errorf("a hole over two batches: %s", got)
	}
}
