// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/featuregate"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/xpdata/pref"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/zap"

	"github.com/ebpfreceiver/ebpfreceiver/internal/emit"
	"github.com/ebpfreceiver/ebpfreceiver/internal/metadata"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream/correlate"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// BenchmarkExchange is the way from the two segments of an exchange to its span
// in a batch and its point in a metric; the batch is dropped.
func BenchmarkExchange(b *testing.B) {
	for _, c := range []struct {
		name    string
		pooling bool
		remote  string
		signals probe.Signals
		ratio   float64
		newConn bool
	}{
		{name: "all", remote: "10.0.0.2:40000", signals: probe.Traces | probe.Metrics, ratio: 1},
		{name: "all_pooling", pooling: true, remote: "10.0.0.2:40000", signals: probe.Traces | probe.Metrics, ratio: 1},
		{name: "all_new_connections", remote: "10.0.0.2:40000", signals: probe.Traces | probe.Metrics, ratio: 1, newConn: true},
		{name: "sampled_1_percent", remote: "10.0.0.2:40000", signals: probe.Traces | probe.Metrics, ratio: 0.01},
		{name: "metrics_only", remote: "10.0.0.2:40000", signals: probe.Metrics, ratio: 1},
		{name: "local_peer_not_observed", remote: "10.0.0.1:40000", signals: probe.Traces | probe.Metrics, ratio: 1},
	} {
		b.Run(c.name, func(b *testing.B) {
			const gate = "pdata.useProtoPooling"
			require.NoError(b, featuregate.GlobalRegistry().Set(gate, c.pooling))
			defer func() { require.NoError(b, featuregate.GlobalRegistry().Set(gate, false)) }()
			p, finish := newSubject(b, c.signals, c.ratio)
			info := (&bench{processes: lookup{}}).process("nginx")
			s := newSubjectConn(p, info, c.remote)
			b.ReportAllocs()
			b.ResetTimer()
			for b.Loop() {
				if c.newConn {
					s.handler.Close(stream.Closed, 0)
					s.handler = p.Open(&s.conn)
				}
				s.exchange()
			}
			b.StopTimer()
			finish()
			counts := p.Counts()
			require.Equal(b, counts.Seen, counts.Delivered+counts.SampledOut)
		})
	}
}

// newSubject makes an instrument whose batches are taken as the service does it.
func newSubject(b *testing.B, signals probe.Signals, ratio float64) (*instrument, func()) {
	traces, err := consumer.NewTraces(func(_ context.Context, td ptrace.Traces) error {
		if pref.MarkPipelineOwnedTraces(td) {
			defer pref.UnrefTraces(td)
		}
		return nil
	})
	require.NoError(b, err)
	set := emit.SenderSettings{Receiver: receivertest.NewNopSettings(metadata.Type), Metrics: consumertest.NewNop()}
	if signals.Has(probe.Traces) {
		set.Traces = traces
	}
	sender, err := emit.NewSender(set)
	require.NoError(b, err)
	sender.Start()
	batcher := emit.NewBatcher(sender, emit.DefaultBatchConfig("0.0.1"))
	cfg := DefaultConfig()
	cfg.Sampling.Ratio = ratio
	cfg.Routes = []string{"/users/{id}", "/static/{path...}"}
	p, err := newInstrument(probe.Settings{
		Logger: zap.NewNop(), Signals: signals, Clock: fakeClock{}, Emit: batcher.Emitter("http"),
	}, cfg)
	require.NoError(b, err)
	p.tracer.Correlator = correlate.New(correlate.DefaultLimits())
	return p, func() {
		p.tracer.Correlator.Flush()
		batcher.Flush()
		require.NoError(b, sender.Shutdown(context.Background()))
	}
}

// subjectConn plays the same exchange again and again.
type subjectConn struct {
	conn              stream.Conn
	handler           stream.Handler
	request, response stream.Segment
}

func newSubjectConn(p *instrument, info *probe.ProcessInfo, remote string) *subjectConn {
	crlf := func(s string) []byte { return []byte(strings.ReplaceAll(s, "\n", "\r\n")) }
	request := crlf("GET /users/42?page=2 HTTP/1.1\nHost: shop.example\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\nAccept: */*\nAccept-Encoding: gzip, deflate\nConnection: keep-alive\n\n")
	response := crlf("HTTP/1.1 200 OK\nServer: nginx/1.22.1\nDate: Sun, 22 Nov 2026 04:00:00 GMT\nContent-Type: text/html\nContent-Length: 615\nConnection: keep-alive\n\n")
	s := &subjectConn{
		request:  stream.Segment{Dir: stream.Receive, Segment: segment.Segment{Data: request, Len: int64(len(request)), Tag: segment.Tag{TID: 9}}},
		response: stream.Segment{Dir: stream.Send, Segment: segment.Segment{Data: response, Len: int64(len(response) + 615), Tag: segment.Tag{TID: 9}}},
	}
	c := (&bench{p: p}).conn(info, stream.Server, "10.0.0.1:80", remote)
	s.conn, s.handler = *c.c, c.h
	return s
}

func (s *subjectConn) exchange() {
	s.request.Start += 1e6
	s.request.End = s.request.Start
	s.response.Start = s.request.Start + 2e5
	s.response.End = s.response.Start
	s.request.Seq += 200
	s.response.Seq += 800
	s.handler.Segment(&s.request)
	s.handler.Segment(&s.response)
}
