// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
)

const export = "POST /v1/traces HTTP/1.1\nHost: h\nContent-Length: 0\n\n"

// From the first spans that a process exports by itself, its own are all there is. What it
// did before, its metrics, and the spans of others go on.
func TestProcessThatExports(t *testing.T) {
	for name, keep := range map[string]bool{"skip": false, "keep": true} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			b.p.tracer.Correlator.Exporters.Keep = keep
			sdk, other := b.process("sdk"), b.process("other")
			request := "GET /a HTTP/1.1\nHost: h\n\n"
			server := b.conn(sdk, stream.Server, pythonAddr, browser)
			out := b.conn(sdk, stream.Client, pythonPort, nginxAddr)
			server.exchange(100, 200, 1, 77, stream.Ref{}, request, ok)
			out.exchange(300, 310, 900, 78, stream.Ref{}, export, ok)
			server.exchange(400, 500, 2000, 77, stream.Ref{}, request, ok)
			b.conn(other, stream.Server, nginxAddr, browser).exchange(400, 500, 1, 5, stream.Ref{}, request, ok)
			spans := b.flush()
			want := 1
			if keep {
				want = 3
			}
			assert.Len(t, spans["sdk"], want)
			assert.Len(t, spans["other"], 1)
			assert.EqualValues(t, 3-want, b.p.counts.Filtered)
			b.requireBalanced()
		})
	}
}

// A collector takes spans of others and sends them on: its own are not among them. But of that
// no span tells.
func TestProcessThatForwards(t *testing.T) {
	b := newBench(t, nil)
	collector := b.process("collector")
	b.conn(collector, stream.Server, pythonAddr, browser).exchange(100, 200, 1, 77, stream.Ref{}, export, ok)
	b.conn(collector, stream.Client, pythonPort, nginxAddr).exchange(300, 310, 900, 78, stream.Ref{}, export, ok)
	b.conn(collector, stream.Server, pythonAddr, browser).exchange(400, 500, 1, 79, stream.Ref{}, "GET /health HTTP/1.1\nHost: h\n\n", ok)
	assert.Len(t, b.flush()["collector"], 1)
	assert.EqualValues(t, 2, b.p.counts.Filtered)
	b.requireBalanced()
}
