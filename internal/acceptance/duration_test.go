// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package acceptance

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Spans last as long as nginx says, for requests that it answers at once, that
// wait for another server, and whose response takes several writes.
func TestDurationsAgreeWithTheAccessLog(t *testing.T) {
	live(t)
	python := startPython(t, "threads")
	n := startNginx(t, python.port)
	c := startCollector(t, n.target()+"probes: {http: {}}")
	turns := []func() (string, []string){}
	for i := range 40 {
		turns = append(turns, ask("GET", "/hello"),
			ask("GET", fmt.Sprintf("/backend/slow?ms=%d", 1+7*i%50)), ask("GET", "/files/big"), ask("GET", "/backend/chunked"))
	}
	received := conversation(t, fmt.Sprintf("127.0.0.1:%d", n.port), turns...)

	pids := n.pids(t)
	entries := n.quit(t)
	c.settle(t)
	c.shutdown(t)
	spans := c.spansOf(ptrace.SpanKindServer, of(pids...))
	require.Len(t, spans, len(entries))
	slices.SortStableFunc(entries, func(a, b entry) int { return a.Requests - b.Requests })
	var differences []float64
	for i, e := range entries {
		// nginx counts whole milliseconds of a clock that it reads once per event:
		// for a large response at once it sees too little.
		begun, ended := spans[i].StartTimestamp().AsTime(), spans[i].EndTimestamp().AsTime()
		d := ended.Sub(begun).Seconds()
		differences = append(differences, math.Abs(d-e.RequestTime))
		// All was sent before the client had all, as far as two readings of the
		// clock agree.
		assert.False(t, ended.After(received[i].Add(100*time.Microsecond)), "%s ended %s after it was received", e.URI, ended.Sub(received[i]))
		assert.False(t, i > 0 && begun.Before(received[i-1].Add(-100*time.Microsecond)), "%s began before the response before it was received", e.URI)
	}
	slices.Sort(differences)
	median := differences[len(differences)/2]
	t.Logf("difference to $request_time: median %.6f s, largest %.6f s", median, differences[len(differences)-1])
	assert.Less(t, median, 0.001)
}
