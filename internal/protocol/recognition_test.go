// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package protocol_test holds what concerns all dissectors together.
package protocol_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
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
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment/segmenttest"
)

// dissectors are all that recognize connections, in the order of the matrix.
var dissectors = []struct {
	name      string
	recognize func([]byte) (segment.Direction, segment.Verdict)
}{
	{"http1", http1.Recognize}, {"http2", http2.Recognize}, {"postgresql", postgresql.Recognize}, {"mysql", mysql.Recognize},
	{"redis", redis.Recognize}, {"memcached", memcached.Recognize}, {"mongodb", mongodb.Recognize}, {"amqp", amqp.Recognize},
	{"nats", nats.Recognize}, {"mqtt", mqtt.Recognize}, {"kafka", kafka.Recognize}, {"dns", dns.Recognize},
}

// hinted are those that recognize a segment without its direction, for where that is known by
// which end of the connection was accepted.
var hinted = []struct {
	name      string
	recognize func([]byte) bool
}{{"mqtt", mqtt.Published}}

const (
	captured = 2048 // bytes of a segment that the capture copies at least
	patience = 8    // turns after which the capture gives a connection up
)

// conversation is a stored one with the protocol of each of its segments.
type conversation struct {
	name   string
	truth  []string
	events []segmenttest.Event
}

// conversations are the captures of all dissectors, and of protocols that none dissects.
func conversations(t *testing.T) (all []conversation) {
	t.Helper()
	paths, err := filepath.Glob("*/testdata/captures/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	others, err := filepath.Glob("testdata/captures/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(paths, others...) {
		protocol, _, _ := strings.Cut(path, "/")
		if protocol == "testdata" { // of real programs: the name begins with the protocol's
			protocol, _, _ = strings.Cut(strings.TrimSuffix(filepath.Base(path), ".txt"), "_")
			protocol = strings.TrimRight(protocol, "1")
		}
		c := conversation{name: path}
		for i, e := range segmenttest.Read(t, path) {
			truth := protocol
			if strings.HasSuffix(path, "_upgrade.txt") && i < 2 {
				truth = "http1" // of which HTTP/2 is asked for
			}
			if e.Bytes != "" {
				c.events, c.truth = append(c.events, e), append(c.truth, truth)
			}
		}
		all = append(all, c)
	}
	return all
}

// matrix counts the segments of a protocol by who takes them for its own.
type matrix map[string]map[string]int

func (m matrix) add(truth, said string) {
	if m[truth] == nil {
		m[truth] = map[string]int{}
	}
	m[truth][said]++
}

// String has a line for each protocol. "late" are the places in a conversation at which
// observation may begin, "missed" those from which it was not recognized in time by the bytes
// alone, "by end" those that are missed too where it is known which end was accepted.
func (m matrix) String() string {
	var b strings.Builder
	columns := []string{"segments"}
	for _, d := range dissectors {
		columns = append(columns, d.name)
	}
	for _, h := range hinted {
		columns = append(columns, h.name+" hinted")
	}
	columns = append(columns, "late", "missed", "by end")
	fmt.Fprintf(&b, "\n%-12s", "")
	for _, c := range columns {
		fmt.Fprintf(&b, "%12s", c)
	}
	var rows []string
	for _, d := range dissectors {
		rows = append(rows, d.name)
	}
	for _, r := range append(rows, "tls", "ssh", "random") {
		fmt.Fprintf(&b, "\n%-12s", r)
		for _, c := range columns {
			fmt.Fprintf(&b, "%12d", m[r][c])
		}
	}
	return b.String()
}

// No dissector takes the bytes of another protocol for its own, and each knows its own, also
// when observation begins anywhere in a connection.
func TestRecognition(t *testing.T) {
	m := matrix{}
	for _, c := range conversations(t) {
		known, byEnd := make([]bool, len(c.events)), make([]bool, len(c.events))
		for i, e := range c.events {
			b := []byte(e.Bytes[:min(len(e.Bytes), captured)])
			m.add(c.truth[i], "segments")
			known[i] = apart(&c, i)
			for _, d := range dissectors {
				dir, verdict := d.recognize(b)
				if verdict != segment.Yes {
					continue
				}
				m.add(c.truth[i], d.name)
				switch {
				case d.name != c.truth[i]:
					t.Errorf("%s %d: %s takes %.60q for its own", c.name, i, d.name, b)
				case dir != e.Dir:
					t.Errorf("%s %d: %.60q is of the direction %d", c.name, i, b, e.Dir)
				default:
					known[i] = true
				}
			}
			for _, h := range hinted {
				if !h.recognize(b) {
					continue
				}
				m.add(c.truth[i], h.name+" hinted")
				if h.name != c.truth[i] {
					t.Errorf("%s %d: %s takes %.60q for its own", c.name, i, h.name, b)
				}
				byEnd[i] = true
			}
			if i > 0 && c.events[i-1].Dir != e.Dir && mqtt.Answered([]byte(c.events[i-1].Bytes), b) {
				m.add(c.truth[i], "mqtt hinted")
				if c.truth[i] != "mqtt" {
					t.Errorf("%s %d: mqtt takes %.60q for its own", c.name, i, b)
				}
				byEnd[i] = true
			}
		}
		if m[c.truth[0]][c.truth[0]] > 0 || dissects(c.truth[0]) {
			m.joins(&c, known, "missed")
			for i, hint := range byEnd {
				known[i] = known[i] || hint
			}
			m.joins(&c, known, "by end")
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 300_000 {
		b := make([]byte, 4+r.IntN(200))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		m.add("random", "segments")
		for _, d := range dissectors {
			if _, verdict := d.recognize(b); verdict == segment.Yes {
				m.add("random", d.name)
				t.Errorf("%s takes %.60q for its own", d.name, b)
			}
		}
		for _, h := range hinted {
			if h.recognize(b) {
				m.add("random", h.name+" hinted")
				t.Errorf("%s takes %.60q for its own", h.name, b)
			}
		}
	}
	t.Log(m)
	late, missed := 0, 0
	for _, row := range m {
		late += row["late"]
		missed += row["by end"]
	}
	t.Logf("%d of %d are missed", missed, late)
	if missed*100 > late {
		t.Errorf("%d of %d are missed: more than 1 %%", missed, late)
	}
}

// apart tells whether the capture knows a message of Kafka whose size was read by itself, and
// is the segment before.
func apart(c *conversation, i int) bool {
	const size = 4
	if i == 0 || c.truth[i] != "kafka" || c.events[i-1].Dir != c.events[i].Dir || len(c.events[i-1].Bytes) != size {
		return false
	}
	dir, verdict := kafka.Recognize([]byte(c.events[i-1].Bytes + c.events[i].Bytes))
	return verdict == segment.Yes && dir == c.events[i].Dir
}

func dissects(protocol string) bool {
	for _, d := range dissectors {
		if d.name == protocol {
			return true
		}
	}
	return false
}

// joins begins to observe at each segment after which as much follows as the capture waits for.
// It counts as missed those from which nothing was recognized in time.
func (m matrix) joins(c *conversation, known []bool, missed string) {
	for from := range c.events {
		turns, found := 0, false
		for i := from; i < len(c.events) && turns < patience && !found; i++ {
			if i == from || c.events[i].Dir != c.events[i-1].Dir {
				turns++
			}
			found = known[i]
		}
		if !found && turns < patience && from > 0 {
			continue // the conversation ended before
		}
		if missed == "missed" {
			m.add(c.truth[from], "late")
		}
		if !found {
			m.add(c.truth[from], missed)
		}
	}
}
