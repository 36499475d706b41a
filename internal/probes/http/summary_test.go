// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// A summary counts as the exchange would that it stands for.
func TestSummariesAreMeasuredAsExchanges(t *testing.T) {
	for _, role := range []stream.Role{stream.Server, stream.Client} {
		b := newBench(t, func(c *Config) {
			c.Routes = []string{"/a"}
			c.Sampling.Ratio = 0
			c.Metrics.BodySizes = true
		})
		conn := b.conn(b.process("s"), role, "10.0.0.1:80", "10.0.0.2:999")
		for i, status := range []int{200, 404, 500} {
			at := uint64(10 * i)
			conn.exchange(at, at+3, uint32(2*i), 1, stream.Ref{}, get, respond(status))
			target := []byte("/a?q")
			if role == stream.Client {
				target = nil
			}
			conn.h.(stream.Summarizer).Summary(&stream.Summary{
				Start: (at + 4) * 1e6, End: (at + 7) * 1e6, Target: target, Status: uint16(status), Method: stream.Get, Minor: 1,
			})
		}
		for name, m := range b.collect(epoch) {
			points := m.Histogram().DataPoints()
			require.Equal(t, 3, points.Len(), name)
			for i := range points.Len() {
				assert.EqualValues(t, 2, points.At(i).Count(), "%s: one exchange, one summary: %s", name, text(points.At(i).Attributes()))
			}
		}
		counts := b.p.Counts()
		assert.EqualValues(t, 6, counts.Seen)
		assert.EqualValues(t, 6, counts.SampledOut)
		conn.h.(stream.Summarizer).Summary(&stream.Summary{Status: 200, Method: stream.Patch + 1})
		assert.EqualValues(t, 1, b.p.Counts().Lost[probe.Undecodable])
		b.requireBalanced()
	}
}

// All methods of summaries have the conventions' names.
func TestMethodsOfSummaries(t *testing.T) {
	for m, want := range map[stream.Method]string{
		stream.Get: "GET", stream.Post: "POST", stream.Head: "HEAD", stream.Put: "PUT",
		stream.Delete: "DELETE", stream.Options: "OPTIONS", stream.Patch: "PATCH",
	} {
		assert.Equal(t, want, methods[summarized[m]])
	}
}
