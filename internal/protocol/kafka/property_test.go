// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment/segmenttest"
)

// Cut at any byte, a fully captured conversation gives the same exchanges.
func TestEveryCut(t *testing.T) {
	for _, path := range segmenttest.Captures(t) {
		segmenttest.EveryCut(t, path, segmenttest.Read(t, path), func() *segmenttest.Subject {
			return newConn(t, Options{TraceContext: true}).subject()
		})
	}
}

// With random cuts and captured prefixes every request is emitted or counted, and what is
// emitted is a part of the truth.
func TestRandomCaptures(t *testing.T) {
	emitted, complete := 0, 0
	for set, paths := range sets(t) {
		for _, path := range paths {
			events := segmenttest.Read(t, path)
			whole := newConn(t, Options{TraceContext: true})
			whole.Play(events, segmenttest.Cut{})
			whole.result()
			truth := map[int32]Exchange{}
			for _, e := range whole.all {
				truth[e.CorrelationID] = e
			}
			var c *conn
			segmenttest.RandomCaptures(t, events, 60, func() *segmenttest.Subject {
				c = newConn(t, Options{TraceContext: true})
				return c.subject()
			}, func(seed uint64, s *segmenttest.Subject) {
				s.Result()
				st := c.cfg.Stats()
				if st.Requests != st.Exchanges+st.Drops() || st.BadBodies+st.UndecodableRequests+st.UndecodableResponses > 0 {
					t.Fatalf("%s, seed %d: %+v", set, seed, *st)
				}
				for i := range c.all {
					e := &c.all[i]
					want, known := truth[e.CorrelationID]
					if !known || want.API != e.API || want.Version != e.Version {
						t.Fatalf("%s, seed %d: emitted %s", set, seed, c.got[i])
					}
					if e.ErrorKnown && (e.Error != want.Error || !want.ErrorKnown) {
						t.Fatalf("%s, seed %d: error in %s", set, seed, c.got[i])
					}
					emitted++
					if e.Outcome == want.Outcome {
						complete++
					}
				}
			})
		}
	}
	t.Logf("%d exchanges emitted, %d of them whole", emitted, complete)
}

// A hole in a body, or a request whose start is seen, costs no request where each message
// stands at the start of a segment.
func TestPrefixesLoseNoRequest(t *testing.T) {
	for _, path := range segmenttest.Captures(t) {
		events := frames(segmenttest.Read(t, path))
		whole := newConn(t, Options{})
		whole.Play(events, segmenttest.Cut{})
		whole.result()
		for _, limit := range []int{24, 40, 64, 200} {
			c := newConn(t, Options{})
			c.Play(events, segmenttest.Cut{Prefix: segmenttest.Limit(limit)})
			c.result()
			if len(c.got) != len(whole.got) || c.cfg.Stats().Drops() > 0 {
				t.Errorf("%s with prefixes of %d: %d of %d; %+v", path, limit, len(c.got), len(whole.got), *c.cfg.Stats())
			}
		}
	}
}

// frames joins or splits events so that each is one message.
func frames(events []segmenttest.Event) (out []segmenttest.Event) {
	var rest [2]string
	for _, e := range events {
		b := rest[e.Dir] + e.Bytes
		for len(b) >= 4 {
			n := 4 + int(binary.BigEndian.Uint32([]byte(b)))
			if len(b) < n {
				break
			}
			out = append(out, segmenttest.Event{Dir: e.Dir, Bytes: b[:n]})
			b = b[n:]
		}
		rest[e.Dir] = b
	}
	return out
}

// Endless and absurd input costs bounded memory and no panic.
func TestHostile(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	noise := make([]byte, 1<<16)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	head := func(size uint32, api API, version uint16) string {
		b := binary.BigEndian.AppendUint32(nil, size)
		b = binary.BigEndian.AppendUint16(b, uint16(api))
		b = binary.BigEndian.AppendUint16(b, version)
		b = append(b, 0, 0, 0, 1)
		return string(append(b, 0, 1, 'c'))
	}
	many := strings.Repeat(head(11, Metadata, 1), 100000)
	huge := head(1<<31-1, Produce, 9) + "\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff\x07" + strings.Repeat("\x02a\x02\x00\x00\x00\x01\x00", 20000)
	for _, s := range []string{
		string(noise), many, huge, head(100<<20, Fetch, 4) + string(noise), "\x7f\xff\xff\xff" + string(noise),
		strings.Repeat("\x00", 1<<16), strings.Repeat("\xff", 1<<16), head(0, Produce, 0), strings.Repeat("\x00\x00\x00\x0b", 1<<14),
	} {
		c := newConn(t, Options{TraceContext: true})
		c.Play([]segmenttest.Event{{Dir: segment.Request, Bytes: s}, {Dir: segment.Response, Bytes: s}, {Dir: segment.Request, Bytes: s}}, segmenttest.Cut{Piece: segmenttest.Limit(5000)})
		if len(c.p.q.ring) > 2*defaultMaxPipeline || c.p.q.bytes > queuedBytes+2*maxUnit {
			t.Errorf("%.20q: %d waiting, %d bytes", s, len(c.p.q.ring), c.p.q.bytes)
		}
		c.result()
	}
}

// Nothing of an authentication is kept: neither SaslAuthenticate nor raw tokens.
func TestNoSecrets(t *testing.T) {
	token := func(s string) string {
		return string(binary.BigEndian.AppendUint32(nil, uint32(len(s)))) + s
	}
	handshake := "\x00\x00\x00\x14\x00\x11\x00\x00\x00\x00\x00\x07\x00\x01c\x00\x05PLAIN\x00"
	handshake = handshake[:3] + "\x12" + handshake[4:len(handshake)-1]
	metadata := "\x00\x00\x00\x0f\x00\x03\x00\x00\x00\x00\x00\x08\x00\x01c\x00\x00\x00\x00"
	answer := func(id byte) string { return "\x00\x00\x00\x08\x00\x00\x00" + string(id) + "\x00\x00\x00\x00" }
	for _, user := range []string{"admin", "Bdmin", "\x00", "n,,n=user,r=fyko"} {
		secret := "\x00" + user + "\x00sesame-open"
		authenticate := "\x00\x24\x00\x00\x00\x00\x00\x09\x00\x01c" + "\x00\x00\x00" + string(rune(len(secret))) + secret
		for at := 1; at < 60; at++ {
			c := newConn(t, Options{})
			c.Check = func() {
				c.check()
				for _, sd := range c.p.side {
					if bytes.Contains(sd.head[:], []byte("sesame")) {
						t.Fatal("a password is kept")
					}
				}
				for _, w := range c.p.walk {
					if bytes.Contains(w.carry[:cap(w.carry)], []byte("sesame")) {
						t.Fatal("a password is kept")
					}
				}
			}
			c.Play([]segmenttest.Event{
				{Dir: segment.Request, Bytes: handshake}, {Dir: segment.Response, Bytes: answer(7)},
				{Dir: segment.Request, Bytes: token(secret)}, {Dir: segment.Response, Bytes: token("")},
				{Dir: segment.Request, Bytes: token("sesame")}, {Dir: segment.Response, Bytes: token("r=sesame")},
				{Dir: segment.Request, Bytes: metadata}, {Dir: segment.Response, Bytes: answer(8)},
				{Dir: segment.Request, Bytes: token(authenticate)}, {Dir: segment.Response, Bytes: answer(9)},
			}, segmenttest.Cut{Piece: segmenttest.Limit(at)})
			got := c.result()
			want := "SaslHandshake v0 #7 c 22/12 complete\nMetadata v0 #8 c 19/12 complete\nSaslAuthenticate v0 #9 c "
			if !strings.HasPrefix(got, want) || c.cfg.Stats().Tokens != 2 || c.cfg.Stats().SkippedBytes > 0 {
				t.Fatalf("user %q in pieces of %d: %s\n%+v", user, at, got, *c.cfg.Stats())
			}
		}
	}
}
