// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package protocol_test

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/amqp"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/dns"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/http1"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/http2"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/kafka"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/memcached"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/mongodb"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/mqtt"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/mysql"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/nats"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/postgresql"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/redis"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"
)

// parsers make one for each connection, with what all of a protocol share.
var parsers = map[string]func() func() segment.Parser{
	"http1": func() func() segment.Parser {
		c := http1.NewConfig(http1.Options{})
		return func() segment.Parser { return c.NewParser(func(*http1.Exchange) {}) }
	},
	"http2": func() func() segment.Parser {
		c := http2.NewConfig(http2.Options{})
		return func() segment.Parser { return c.NewParser(func(*http2.Exchange) {}) }
	},
	"postgresql": func() func() segment.Parser {
		c := postgresql.NewConfig(postgresql.Options{})
		return func() segment.Parser { return c.NewParser(func(*postgresql.Exchange) {}) }
	},
	"mysql": func() func() segment.Parser {
		c := mysql.NewConfig(mysql.Options{})
		return func() segment.Parser { return c.NewParser(func(*mysql.Exchange) {}) }
	},
	"redis": func() func() segment.Parser {
		c := redis.NewConfig(redis.Options{})
		return func() segment.Parser { return c.NewParser(func(*redis.Exchange) {}) }
	},
	"memcached": func() func() segment.Parser {
		c := memcached.NewConfig(memcached.Options{})
		return func() segment.Parser { return c.NewParser(func(*memcached.Exchange) {}) }
	},
	"mongodb": func() func() segment.Parser {
		c := mongodb.NewConfig(mongodb.Options{})
		return func() segment.Parser { return c.NewParser(func(*mongodb.Exchange) {}) }
	},
	"kafka": func() func() segment.Parser {
		c := kafka.NewConfig(kafka.Options{})
		return func() segment.Parser { return c.NewParser(func(*kafka.Exchange) {}) }
	},
	"amqp": func() func() segment.Parser {
		c := amqp.NewConfig(amqp.Options{})
		return func() segment.Parser { return c.NewParser(func(*amqp.Message) {}) }
	},
	"nats": func() func() segment.Parser {
		c := nats.NewConfig(nats.Options{})
		return func() segment.Parser { return c.NewParser(func(*nats.Message) {}) }
	},
	"mqtt": func() func() segment.Parser {
		c := mqtt.NewConfig(mqtt.Options{})
		return func() segment.Parser { return c.NewParser(func(*mqtt.Message) {}) }
	},
	"dns": func() func() segment.Parser {
		c := dns.NewConfig(dns.Options{})
		return func() segment.Parser { return c.NewParser(func(*dns.Exchange) {}) }
	},
}

// flood is how many bytes a hostile peer sends at least.
const flood = 64 << 10

// hostile are things that a peer may send from some point on. again is what it said last.
var hostile = map[string]func(r *rand.Rand, again string) string{
	"random":   func(r *rand.Rand, _ string) string { return random(r, flood) },
	"zeros":    func(*rand.Rand, string) string { return strings.Repeat("\x00", flood) },
	"ones":     func(*rand.Rand, string) string { return strings.Repeat("\xff", flood) },
	"no end":   func(*rand.Rand, string) string { return strings.Repeat("a", flood) },
	"repeated": func(_ *rand.Rand, again string) string { return strings.Repeat(again, flood/len(again)+1) },
	"2 GiB": func(r *rand.Rand, again string) string { // where a length may stand
		b := []byte(strings.Repeat(again, 64))
		for range len(b) / 16 {
			at := r.IntN(len(b))
			copy(b[at:], []string{"\x7f\xff\xff\xff", "\xff\xff\xff\x7f", "\x80\x00\x00\x00", "2147483647"}[r.IntN(4)])
		}
		return string(b)
	},
	"damaged": func(r *rand.Rand, again string) string {
		b := []byte(strings.Repeat(again, 64))
		for range len(b) / 64 {
			b[r.IntN(len(b))] = byte(r.Uint32())
		}
		return string(b)
	},
}

func random(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return string(b)
}

const (
	// mostPerConnection is the memory that a connection may cost whatever was said on it: most
	// of it are the requests that wait for a response, of which each protocol keeps 1024.
	mostPerConnection = 768 << 10
)

// Whatever a peer sends after it has spoken the protocol for a while, and when it then sends
// nothing for an hour, nothing panics, nothing hangs and memory stays bounded.
func TestHostilePeers(t *testing.T) {
	connections := 16
	if testing.Short() {
		connections = 4
	}
	captures := map[string][]conversation{}
	for _, c := range conversations(t) {
		captures[c.truth[0]] = append(captures[c.truth[0]], c)
	}
	for name, protocol := range parsers {
		if len(captures[name]) == 0 {
			t.Errorf("%s: there is nothing to begin with", name)
			continue
		}
		for what, send := range hostile {
			t.Run(name+"/"+what, func(t *testing.T) {
				r := rand.New(rand.NewPCG(3, 4))
				open, live := protocol(), make([]segment.Parser, 0, connections)
				before := heap()
				for i := range connections {
					c := captures[name][i%len(captures[name])]
					p := open()
					live = append(live, p)
					now := converse(p, &c, 1+r.IntN(len(c.events)))
					for _, d := range []segment.Direction{segment.Request, segment.Response} {
						now = feed(p, d, send(r, lastOf(&c, d)), now, i%3)
					}
					for range 3600 {
						now += 1e9
						p.Idle(now)
					}
				}
				if took := heap() - before; took > connections*mostPerConnection {
					t.Errorf("%d connections take %d KiB each", connections, took/connections>>10)
				}
				for _, p := range live {
					p.Skip(segment.Request, 2<<30)
					p.Skip(segment.Response, 2<<30)
					p.Close(segment.CloseReset, 1)
					if p.Pending() != 0 {
						t.Errorf("%d requests are pending after the end", p.Pending())
					}
				}
				runtime.KeepAlive(live)
			})
		}
	}
}

// converse plays the beginning of a conversation.
func converse(p segment.Parser, c *conversation, n int) (now uint64) {
	p.Opened()
	for _, e := range c.events[:n] {
		now = feed(p, e.Dir, e.Bytes, now, 0)
	}
	return now
}

// feed gives bytes to a parser in segments: whole ones, small ones, or such of which only
// the beginning was captured.
func feed(p segment.Parser, d segment.Direction, text string, now uint64, how int) uint64 {
	n := []int{16 << 10, 100, 4 << 10}[how]
	for piece := range slices.Chunk([]byte(text), n) {
		now += 1000
		s := segment.Segment{Data: piece, Len: int64(len(piece)), Start: now, End: now}
		if how == 2 {
			s.Data = piece[:len(piece)/3]
		}
		p.Segment(d, &s)
	}
	return now
}

// lastOf is what a side said last in a conversation.
func lastOf(c *conversation, d segment.Direction) string {
	for _, e := range slices.Backward(c.events) {
		if e.Dir == d {
			return e.Bytes
		}
	}
	return "x"
}

func heap() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
