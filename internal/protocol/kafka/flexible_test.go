// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment/segmenttest"
)

// writer builds a message by the protocol's primitive types, of a flexible version or not
// ("Protocol Primitive Types"; KIP-482 for the compact ones and tagged fields).
type writer struct {
	flexible bool
	b        []byte
}

func (w *writer) i8(v int8)   { w.b = append(w.b, byte(v)) }
func (w *writer) i16(v int16) { w.b = binary.BigEndian.AppendUint16(w.b, uint16(v)) }
func (w *writer) i32(v int32) { w.b = binary.BigEndian.AppendUint32(w.b, uint32(v)) }
func (w *writer) i64(v int64) { w.b = binary.BigEndian.AppendUint64(w.b, uint64(v)) }

func (w *writer) raw(s string) { w.b = append(w.b, s...) }

// length is n of a string, of an array or of bytes, of which -1 is null.
func (w *writer) length(n int, wide bool) {
	switch {
	case w.flexible:
		w.b = binary.AppendUvarint(w.b, uint64(n+1))
	case wide:
		w.i32(int32(n))
	default:
		w.i16(int16(n))
	}
}

func (w *writer) str(s string)   { w.length(len(s), false); w.raw(s) }
func (w *writer) null()          { w.length(-1, false) }
func (w *writer) array(n int)    { w.length(n, true) }
func (w *writer) bytes(s string) { w.length(len(s), true); w.raw(s) }

// tags are two fields that no version knows, one of more bytes than a length of one byte tells.
func (w *writer) tags() {
	if w.flexible {
		w.raw("\x02\x63\x03abc\x64\xc8\x01" + fmt.Sprintf("%0200d", 0))
	}
}

// message is a body behind a header: request header v1 or v2 or, without an API, response
// header v0 or v1 ("Request Header", "Response Header"). The client id is never compact.
type message struct {
	head, body func(w *writer)
	flexible   bool // the body
	tagged     bool // the header
}

func (m *message) String() string {
	w := &writer{}
	m.head(w)
	if w.flexible = m.tagged; m.tagged {
		w.tags()
	}
	w.flexible = m.flexible
	m.body(w)
	return sized(string(w.b))
}

func asked(api API, version int16, flexible bool, body func(w *writer)) *message {
	return &message{head: func(w *writer) {
		w.i16(int16(api))
		w.i16(version)
		w.i32(1)
		w.str("me")
	}, body: body, flexible: flexible, tagged: flexible}
}

func answered(flexible bool, body func(w *writer)) *message {
	return &message{head: func(w *writer) { w.i32(1) }, body: body, flexible: flexible, tagged: flexible}
}

// one is an array of one element, which ends with its tagged fields.
func one(w *writer, element func()) {
	w.array(1)
	element()
	w.tags()
}

func produceBodies(w, r *writer) {
	if w != nil {
		w.null() // transaction
		w.i16(1)
		w.i32(30_000)
		one(w, func() {
			w.str("orders")
			one(w, func() { w.i32(5); w.bytes(batch(3, "")) })
		})
		w.tags()
		return
	}
	one(r, func() {
		r.str("orders")
		one(r, func() {
			r.i32(5)
			r.i16(0)
			r.i64(9)
			r.i64(-1)
			r.i64(0)
			one(r, func() { r.i32(0); r.null() }) // errors of records
			r.str("a message")
		})
	})
	r.i32(0)
	r.tags()
}

func fetchBodies(version int16, name func(w *writer)) func(w, r *writer) {
	return func(w, r *writer) {
		if w != nil {
			w.i32(-1)
			w.i32(500)
			w.i32(1)
			w.i32(1 << 20)
			w.i8(0)
			w.i32(0)
			w.i32(-1)
			one(w, func() {
				name(w)
				one(w, func() {
					w.i32(5)
					w.i32(-1)
					w.i64(9)
					if version >= 12 {
						w.i32(-1)
					}
					w.i64(-1)
					w.i32(1 << 20)
				})
			})
			one(w, func() { name(w); w.array(2); w.i32(1); w.i32(2) }) // forgotten
			w.str("a rack")
			w.tags()
			return
		}
		r.i32(0)
		r.i16(0)
		r.i32(0)
		one(r, func() {
			name(r)
			one(r, func() {
				r.i32(5)
				r.i16(0)
				r.i64(12)
				r.i64(12)
				r.i64(0)
				one(r, func() { r.i64(7); r.i64(1) }) // aborted transactions
				r.i32(-1)
				r.bytes(batch(4, ""))
			})
		})
		r.tags()
	}
}

func commitBodies(w, r *writer) {
	if w != nil {
		w.str("a group")
		w.i32(3)
		w.str("a member")
		w.null()
		one(w, func() {
			w.str("orders")
			one(w, func() { w.i32(5); w.i64(9); w.i32(-1); w.str("what is kept") })
		})
		w.tags()
		return
	}
	r.i32(0)
	one(r, func() {
		r.str("orders")
		one(r, func() { r.i32(5); r.i16(22) })
	})
	r.tags()
}

const topicID = "0123456789abcdef"

func metadataBodies(version int16) func(w, r *writer) {
	return func(w, r *writer) {
		if w != nil {
			one(w, func() {
				if version >= 10 {
					w.raw(topicID)
				}
				w.str("orders")
			})
			w.raw("\x00\x00\x00")
			w.tags()
			return
		}
		r.i32(0)
		one(r, func() { r.i32(1); r.str("host"); r.i32(9092); r.null() })
		r.str("a cluster")
		r.i32(1)
		one(r, func() {
			r.i16(0)
			r.str("orders")
			if version >= 10 {
				r.raw(topicID)
			}
			r.i8(0)
			one(r, func() {
				r.i16(0)
				r.i32(5)
				r.i32(1)
				r.i32(0)
				for range 3 {
					r.array(1)
					r.i32(1)
				}
			})
			r.i32(0)
		})
		r.i32(0)
		r.tags()
	}
}

// versionsBodies answers with an error that, taken for the number of tagged fields, is one of
// many: a broker that does not know the version answers in the format of version 0.
func versionsBodies(w, r *writer) {
	if w != nil {
		if w.flexible {
			w.str("a client")
			w.str("1.0")
			w.tags()
		}
		return
	}
	r.i16(-1) // UNKNOWN_SERVER_ERROR
	r.i32(1)
	r.i16(18)
	r.i16(0)
	r.i16(4)
}

// From the version on that the protocol says, and not before, a request has header v2 and a
// response header v1, with tagged fields, and compact strings and arrays in the body. The
// response to ApiVersions has header v0 in every version.
func TestFlexibleHeaders(t *testing.T) {
	named := func(w *writer) { w.str("orders") }
	tests := []struct {
		api      API
		version  int16
		flexible bool
		bodies   func(w, r *writer)
		want     string
	}{
		{Produce, 8, false, produceBodies, "me acks=1 orders/5+1:3@9,61B err="},
		{Produce, 9, true, produceBodies, "me acks=1 orders/5+1:3@9,61B err="},
		{Produce, 12, true, produceBodies, "me acks=1 orders/5+1:3@9,61B err="},
		{Fetch, 11, false, fetchBodies(11, named), "me orders/5+1:4@0,61B err="},
		{Fetch, 12, true, fetchBodies(12, named), "me orders/5+1:4@0,61B err="},
		{OffsetCommit, 7, false, commitBodies, "me group=a group orders/5+1:0@-1,0B!ILLEGAL_GENERATION err=ILLEGAL_GENERATION"},
		{OffsetCommit, 8, true, commitBodies, "me group=a group orders/5+1:0@-1,0B!ILLEGAL_GENERATION err=ILLEGAL_GENERATION"},
		{OffsetCommit, 9, true, commitBodies, "me group=a group orders/5+1:0@-1,0B!ILLEGAL_GENERATION err=ILLEGAL_GENERATION"},
		{Metadata, 8, false, metadataBodies(8), "me"},
		{Metadata, 9, true, metadataBodies(9), "me"},
		{Metadata, 10, true, metadataBodies(10), "me"},
		{APIVersions, 2, false, versionsBodies, "me"},
		{APIVersions, 3, true, versionsBodies, "me"},
		{APIVersions, 4, true, versionsBodies, "me"},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.api, " v", test.version), func(t *testing.T) {
			request := asked(test.api, test.version, test.flexible, func(w *writer) { test.bodies(w, nil) })
			response := answered(test.flexible, func(r *writer) { test.bodies(nil, r) })
			if test.api == APIVersions {
				response.flexible, response.tagged = false, false
			}
			events := func() []segmenttest.Event {
				return []segmenttest.Event{{Dir: segment.Request, Bytes: request.String()}, {Dir: segment.Response, Bytes: response.String()}}
			}
			play := func() (string, string, Stats) {
				c, e := newConn(t, Options{}), events()
				c.Play(e, segmenttest.Cut{})
				return c.result(), fmt.Sprintf("%s v%d #1 %s %d/%d complete", test.api, test.version, test.want, len(e[0].Bytes), len(e[1].Bytes)), *c.cfg.Stats()
			}
			got, want, stats := play()
			if got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			if want := (Stats{Requests: 1, Exchanges: 1}); stats != want {
				t.Errorf("%+v", stats)
			}
			segmenttest.EveryCut(t, t.Name(), events(), func() *segmenttest.Subject { return newConn(t, Options{}).subject() })
			if test.want == "me" && test.version != 10 {
				return // of which nothing behind the header is read
			}
			// With the other header it is not understood: that of the request, of which a Fetch of
			// a consumer and Metadata tell nothing, and that of the response.
			if test.api != Metadata {
				request.tagged = !request.tagged
				if got, want, stats := play(); got == want && stats.BadBodies == 0 {
					t.Errorf("with the other request header: %s", got)
				}
				request.tagged = !request.tagged
			}
			response.tagged = !response.tagged
			if got, want, stats := play(); got == want && stats.BadBodies == 0 {
				t.Errorf("with the other response header: %s", got)
			}
		})
	}
}

// What a flexible Metadata response says names the topics of a Fetch by id.
func TestFlexibleTopicIDs(t *testing.T) {
	cfg := NewConfig(Options{})
	for _, call := range []struct {
		api     API
		version int16
		bodies  func(w, r *writer)
	}{{Metadata, 10, metadataBodies(10)}, {Fetch, 13, fetchBodies(13, func(w *writer) { w.raw(topicID) })}} {
		c := newConnOf(t, cfg)
		request := asked(call.api, call.version, true, func(w *writer) { call.bodies(w, nil) }).String()
		response := answered(true, func(r *writer) { call.bodies(nil, r) }).String()
		c.steps(">", request, "<", response)
		want := fmt.Sprintf("%s v%d #1 me", call.api, call.version)
		if call.api == Fetch {
			want += " orders/5+1:4@0,61B err="
		}
		want += fmt.Sprintf(" %d/%d complete", len(request), len(response))
		if got := c.result(); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
	if s := cfg.Stats(); s.BadBodies != 0 {
		t.Errorf("%+v", *s)
	}
}
