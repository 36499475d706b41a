// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"fmt"
	"math"
	"slices"
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

// Exchanges that the kernel counted are measured as if each had been told by itself.
func TestTalliesAreMeasuredAsSummaries(t *testing.T) {
	took := []uint64{1e6, 5e6, 5e6 + 1, 3e9, 11e9}
	points := map[bool]string{}
	for _, counted := range []bool{false, true} {
		b := newBench(t, func(c *Config) { c.Sampling.Ratio = 0 })
		conn := b.conn(b.process("s"), stream.Server, "10.0.0.1:80", "10.0.0.2:999")
		conn.exchange(1, 4, 0, 1, stream.Ref{}, get, respond(200))
		h := conn.h.(stream.Summarizer)
		tally := &stream.Tally{Start: 10e6, End: 40e6, Min: took[0], Max: took[4], Count: 5, Status: 200, Method: stream.Get, Minor: 1}
		for _, ns := range took {
			if !counted {
				h.Summary(&stream.Summary{Start: 10e6, End: 10e6 + ns, Status: 200, Method: stream.Get, Minor: 1})
			}
			tally.Sum += ns
			tally.Counts[slices.IndexFunc(append(stream.TallyBounds[:], math.MaxUint64), func(bound uint64) bool { return ns <= bound })]++
		}
		if counted {
			h.Tally(tally)
		}
		m, ok := b.collect(epoch)["s/http.server.request.duration"]
		require.True(t, ok)
		p := m.Histogram().DataPoints()
		require.Equal(t, 1, p.Len())
		points[counted] = fmt.Sprintf("%v %v %v %.6f %v %v", p.At(0).Attributes().AsRaw(), p.At(0).BucketCounts().AsRaw(),
			p.At(0).Count(), p.At(0).Sum(), p.At(0).Min(), p.At(0).Max())
		assert.EqualValues(t, 6, b.p.Counts().Seen)
		assert.EqualValues(t, 6, b.p.Counts().SampledOut)
		b.requireBalanced()

		h.Tally(&stream.Tally{Count: 3, Method: stream.Patch + 1})
		assert.EqualValues(t, 3, b.p.Counts().Lost[probe.Undecodable])
		b.requireBalanced()
	}
	assert.Equal(t, points[false], points[true])
}

// The kernel's buckets are those of the conventions.
func TestTallyBounds(t *testing.T) {
	require.Len(t, durationBounds, len(stream.TallyBounds))
	for i, ns := range stream.TallyBounds {
		assert.Equal(t, durationBounds[i], float64(ns)/1e9) //nolint:testifylint // the very same
		assert.Greater(t, float64(ns+1)/1e9, durationBounds[i])
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
