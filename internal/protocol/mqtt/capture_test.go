// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package mqtt

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment/segmenttest"
)

// subject opens a parser whose result is what it emitted.
func subject(t *testing.T) *segmenttest.Subject {
	c := newConn(t)
	c.p.Opened()
	return &segmenttest.Subject{Player: c.Player, Result: func() string {
		c.close(CloseShutdown)
		return strings.Join(c.all, "\n")
	}}
}

// What a real server and its clients said: all is understood, however it is cut.
func TestCaptures(t *testing.T) {
	for _, path := range segmenttest.Captures(t) {
		name := strings.TrimSuffix(filepath.Base(path), ".txt")
		t.Run(name, func(t *testing.T) {
			events := segmenttest.Read(t, path)
			c := newConn(t)
			c.p.Opened()
			c.Play(events, segmenttest.Cut{})
			st := c.cfg.Stats()
			assert.Zero(t, st.Undecodable+st.SkippedBytes+st.Drops()+st.OrphanAnswers)
			assert.Zero(t, c.p.Pending())
			assert.Len(t, c.all, 10)
			for _, s := range c.all {
				assert.Contains(t, s, " room/1/temp qos="+name[len(name)-1:])
				if strings.HasPrefix(name, "subscribe") {
					assert.Contains(t, s, "filter=room/+/temp")
				}
				if strings.Contains(name, "mqttv5") {
					assert.Contains(t, s, "trace="+context)
				}
			}
			for d := range c.p.flow {
				assert.NotContains(t, string(c.p.flow[d].buf[:cap(c.p.flow[d].buf)]), "not-to-be-seen")
			}
			segmenttest.EveryCut(t, name, events, func() *segmenttest.Subject { return subject(t) })
			segmenttest.RandomCaptures(t, events, 50, func() *segmenttest.Subject { return subject(t) }, func(_ uint64, s *segmenttest.Subject) { s.Result() })
		})
	}
}

// The first bytes of each direction are recognised here, and nowhere else.
func TestRecognizeCaptures(t *testing.T) {
	paths, err := filepath.Glob("../*/testdata/captures/*.txt")
	require.NoError(t, err)
	own, others := 0, 0
	for _, path := range paths {
		mine := strings.HasPrefix(path, "../mqtt/")
		if mine {
			own++
		} else {
			others++
		}
		var seen [2]bool
		for _, e := range segmenttest.Read(t, path) {
			if seen[e.Dir] || e.Bytes == "" {
				continue
			}
			seen[e.Dir] = true
			d, v := Recognize([]byte(e.Bytes))
			if mine {
				assert.Equal(t, Yes, v, "%s %v", path, e.Dir)
				assert.Equal(t, e.Dir, d, path)
			} else {
				assert.NotEqual(t, Yes, v, "%s %q", path, e.Bytes[:min(len(e.Bytes), 40)])
			}
		}
	}
	assert.Positive(t, own)
	assert.Positive(t, others)
}
