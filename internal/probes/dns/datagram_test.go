// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package dns

import (
	"net/netip"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream/correlate"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// sink keeps spans.
type sink struct {
	livetest.Logs
	spans     ptrace.SpanSlice
	known     uint32
	forbidden uint32
}

func (s *sink) Span(*probe.ProcessInfo) ptrace.Span      { return s.spans.AppendEmpty() }
func (s *sink) Metric(*probe.ProcessInfo) pmetric.Metric { return pmetric.NewMetric() }

// Lookup knows one process, and another one later.
func (s *sink) Lookup(pid uint32, _ uint64) *probe.ProcessInfo {
	if pid != 7 && pid != s.known {
		return nil
	}
	return &probe.ProcessInfo{PID: 7, Resource: pcommon.NewResource(), Forbidden: s.forbidden}
}

// record makes what the kernel sends.
func record(edit func(*objectDnsEvent), message string) []byte {
	e := objectDnsEvent{
		Time: 1e9, Ino: 5, Tgid: 7, Tid: 8, Len: uint32(len(message)), Cap: uint16(len(message)),
		Lport: 40000, Rport: 53, Dir: 1, Lfamily: afInet, Rfamily: afInet, Laddr: [16]byte{10, 0, 0, 1}, Raddr: [16]byte{10, 0, 0, 2},
	}
	edit(&e)
	return append(unsafe.Slice((*byte)(unsafe.Pointer(&e)), eventSize), message...)
}

const (
	question = "\x01a\x07example\x00\x00\x01\x00\x01"
	query    = "\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + question
	response = "\x00\x07\x81\x83\x00\x01\x00\x00\x00\x00\x00\x00" + question
)

func start(t *testing.T) (*instrument, *sink) {
	t.Helper()
	out := &sink{spans: ptrace.NewSpanSlice()}
	p := newInstrument(probe.Settings{
		Logger: zap.NewNop(), Signals: probe.Traces, Emit: out, Processes: out, Clock: livetest.Clock{},
	}, DefaultConfig())
	p.recorder.tracer.Correlator = correlate.New(correlate.DefaultLimits())
	return p, out
}

func TestDatagrams(t *testing.T) {
	p, out := start(t)
	p.datagram(record(func(*objectDnsEvent) {}, query))
	p.datagram(record(func(e *objectDnsEvent) { e.Dir, e.Time = received, 3e9 }, response))
	require.Equal(t, 1, out.spans.Len())
	s := out.spans.At(0)
	assert.Equal(t, "DNS A", s.Name())
	assert.Equal(t, ptrace.SpanKindClient, s.Kind())
	assert.InDelta(t, 2e9, float64(s.EndTimestamp()-s.StartTimestamp()), 1e8) // the clock of the test moves
	assert.Equal(t, map[string]any{
		"dns.question.name": "a.example", "ebpf.dns.question.type": "A", "ebpf.dns.response.code": "NXDOMAIN", "error.type": "NXDOMAIN",
		"server.address": "10.0.0.2", "server.port": int64(53), "network.peer.address": "10.0.0.2", "network.peer.port": int64(53),
		"network.protocol.name": "dns", "network.transport": "udp",
	}, s.Attributes().AsRaw())

	// The other side, with a socket of all addresses.
	server := func(e *objectDnsEvent) {
		e.Ino, e.Lport, e.Rport, e.Laddr, e.Raddr, e.Dir = 6, 53, 40000, [16]byte{}, [16]byte{10, 0, 0, 1}, received
	}
	p.datagram(record(server, query))
	p.datagram(record(func(e *objectDnsEvent) { server(e); e.Dir = 1 }, response))
	require.Equal(t, 2, out.spans.Len())
	s = out.spans.At(1)
	assert.Equal(t, ptrace.SpanKindServer, s.Kind())
	assert.Equal(t, map[string]any{
		"dns.question.name": "a.example", "ebpf.dns.question.type": "A", "ebpf.dns.response.code": "NXDOMAIN", "server.port": int64(53),
		"network.peer.address": "10.0.0.1", "network.peer.port": int64(40000), "client.address": "10.0.0.1",
		"network.protocol.name": "dns", "network.transport": "udp",
	}, s.Attributes().AsRaw())

	// What cannot be used is counted.
	p.datagram([]byte("short"))
	p.datagram(record(func(e *objectDnsEvent) { e.Cap = 5000 }, query))
	p.datagram(record(func(e *objectDnsEvent) { e.Tgid = 99 }, query))
	p.datagram(record(func(*objectDnsEvent) {}, "this is something else"))
	p.datagram(record(func(*objectDnsEvent) {}, query))
	p.datagram(record(func(*objectDnsEvent) {}, query)) // again
	p.Flush()
	c := p.Counts()
	assert.Equal(t, c.Seen, c.Delivered+c.SampledOut+c.Filtered+c.TotalLost())
	assert.EqualValues(t, 3, c.Delivered)
	assert.EqualValues(t, 2, c.Filtered) // the query that was sent again, and the other process's
	assert.EqualValues(t, 3, c.Lost[probe.Undecodable])
	assert.Nil(t, out.spans.At(2).Attributes().AsRaw()["error.type"], "the receiver stopped; nothing is known")
	assert.EqualValues(t, 1, out.spans.At(2).Attributes().AsRaw()[keyAgain])
}

// A target that forbids DNS has its messages filtered, if the kernel saw them before it knew.
func TestForbidden(t *testing.T) {
	p, out := start(t)
	out.forbidden = 1 << stream.ProtoDNS
	p.datagram(record(func(*objectDnsEvent) {}, query))
	p.Flush()
	assert.Zero(t, out.spans.Len())
	assert.Equal(t, probe.Counts{Seen: 1, Filtered: 1}, p.Counts())
}

// A process that is known only when its records have been read.
func TestDeferred(t *testing.T) {
	p, out := start(t)
	late := func(e *objectDnsEvent) { e.Tgid = 50 }
	p.datagram(record(late, query))
	p.datagram(record(func(e *objectDnsEvent) { late(e); e.Dir = received }, response))
	p.datagram(record(func(e *objectDnsEvent) { e.Tgid = 99 }, query))
	p.Tick(1e9 + 1e6)
	assert.Zero(t, out.spans.Len())
	out.known = 50
	p.Tick(1e9 + 2e6)
	assert.Equal(t, 1, out.spans.Len())
	p.Tick(3e9)
	assert.Empty(t, p.deferred.records)
	c := p.Counts()
	assert.EqualValues(t, 1, c.Filtered)
	assert.Equal(t, c.Seen, c.Delivered+c.SampledOut+c.Filtered+c.TotalLost())
	for range 2 * maxDeferred {
		p.datagram(record(func(e *objectDnsEvent) { e.Tgid = 99 }, query))
	}
	assert.Len(t, p.deferred.records, maxDeferred)
	p.Flush()
	c = p.Counts()
	assert.EqualValues(t, maxDeferred, c.Lost[probe.Overflow], "what there is no room for is lost")
	assert.EqualValues(t, 1+maxDeferred, c.Filtered)
	assert.Equal(t, c.Seen, c.Delivered+c.SampledOut+c.Filtered+c.TotalLost())
}

func TestAddress(t *testing.T) {
	assert.Equal(t, netip.MustParseAddrPort("10.0.0.1:53"), address(afInet6, &[16]byte{10: 0xff, 11: 0xff, 12: 10, 15: 1}, 53))
	assert.False(t, address(0, &[16]byte{}, 53).IsValid())
}

func TestConfig(t *testing.T) {
	require.NoError(t, DefaultConfig().Validate())
	c := DefaultConfig()
	c.Ports, c.Timeout, c.MaxCapture, c.RingSize, c.Metrics.CardinalityLimit = []uint16{53, mdns}, 0, 99, 5, 0
	assert.EqualError(t, c.Validate(), "ports::1: 5353 is no port of a DNS server\ntimeout: 0s is not from 1s to 5m\n"+
		"max_capture: 99 is not from 271 to 2047\nring_size: 5 is not a power of two from 65536 to 1073741824\nmetrics::cardinality_limit: must be at least 1")
	c.Ports = nil
	assert.ErrorContains(t, c.Validate(), "ports: there must be from 1 to 8, not 0")
}
