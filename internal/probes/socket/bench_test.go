// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/featuregate"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/xpdata/pref"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/zap"

	"github.com/ebpfreceiver/ebpfreceiver/internal/emit"
	"github.com/ebpfreceiver/ebpfreceiver/internal/metadata"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/http"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

const (
	benchRequest  = "GET /api/items?page=2 HTTP/1.1\r\nHost: shop.example:8080\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n"
	benchResponse = "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Sun, 22 Nov 2026 04:22:54 GMT\r\nContent-Type: text/html\r\nContent-Length: 612\r\nLast-Modified: Sun, 22 Nov 2026 04:18:54 GMT\r\nConnection: keep-alive\r\nETag: \"65f0a1b2-264\"\r\nAccept-Ranges: bytes\r\n\r\n"
)

// exchangeRecord is what the kernel sends for a small exchange of nginx.
func exchangeRecord() (*objectRec, []byte) {
	data := benchRequest + benchResponse + strings.Repeat("x", 612)
	r := &objectRec{
		Conn: 7, Start: 1, Time: 1_000_000, Tgid: 4711, Role: uint8(stream.Server), Proto: uint8(stream.ProtoHTTP1),
		Nsegs: 2, Family: afInet, Lport: 8080, Rport: 40000,
		Laddr: [16]byte{10, 0, 0, 1}, Raddr: [16]byte{10, 0, 0, 2},
	}
	n := uint64(len(benchRequest))
	r.Segs[0] = objectSeg{Start: 900_000, End: 900_000, Len: n, Cap: uint32(n), Dir: 0, Tid: 4711, Starts: 1}
	m := uint64(len(data)) - n
	r.Segs[1] = objectSeg{Start: 1_000_000, End: 1_000_000, Len: m, Cap: uint32(m), Dir: 1, Tid: 4711, Starts: 1}
	b := raw(r, data)
	view, _, _ := view(b)
	return view, b
}

type wall struct{}

func (wall) Time(boot uint64) time.Time              { return time.Unix(0, int64(boot)) }
func (wall) Timestamp(boot uint64) pcommon.Timestamp { return pcommon.Timestamp(boot) }
func (wall) Now() uint64                             { return 2_000_000 }

type one struct{ info *probe.ProcessInfo }

func (o one) Lookup(uint32, uint64) *probe.ProcessInfo { return o.info }

// BenchmarkSpanAlone is what pdata itself takes of the way that
// BenchmarkRecordToSpan measures: a span with the same attributes, and its end.
func BenchmarkSpanAlone(b *testing.B) {
	for _, pooling := range []bool{false, true} {
		b.Run(fmt.Sprintf("pooling_%t", pooling), func(b *testing.B) {
			const batch = 1000
			setPooling(b, pooling)
			heap := make([]byte, heapOfCollector)
			defer runtime.KeepAlive(heap)
			batches := make(chan ptrace.Traces, 4)
			var done sync.WaitGroup
			done.Go(func() {
				for td := range batches {
					release(td)
				}
			})
			var td ptrace.Traces
			var spans ptrace.SpanSlice
			n := 0
			b.ReportAllocs()
			for b.Loop() {
				if n%batch == 0 {
					if n > 0 {
						batches <- td
					}
					td = ptrace.NewTraces()
					spans = td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
					spans.EnsureCapacity(batch)
				}
				n++
				m := spans.AppendEmpty().Attributes()
				m.EnsureCapacity(12)
				for _, k := range [...]string{
					"http.request.method", "server.address", "network.peer.address", "network.protocol.version",
					"url.scheme", "url.path", "url.query", "client.address", "user_agent.original",
				} {
					m.PutStr(k, "value")
				}
				for _, k := range [...]string{"http.response.status_code", "server.port", "network.peer.port"} {
					m.PutInt(k, 8080)
				}
			}
			close(batches)
			done.Wait()
		})
	}
}

func setPooling(b *testing.B, on bool) {
	const gate = "pdata.useProtoPooling"
	require.NoError(b, featuregate.GlobalRegistry().Set(gate, on))
	b.Cleanup(func() { require.NoError(b, featuregate.GlobalRegistry().Set(gate, false)) })
}

// release does what the collector's service does between components.
func release(td ptrace.Traces) {
	if pref.MarkPipelineOwnedTraces(td) {
		pref.UnrefTraces(td)
	}
}

// heapOfCollector is about what lives in a collector's heap. The garbage collector
// runs as seldom as there: with nothing but the batches it would run all the time.
const heapOfCollector = 32 << 20

// BenchmarkRecordToSpan is the whole way in user space, from the bytes of a
// record in the ring buffer to a span in a batch that a pipeline takes, and a
// point in the metric.
func BenchmarkRecordToSpan(b *testing.B) {
	for _, c := range []struct {
		name    string
		pooling bool
		ratio   float64
	}{{"every_span", false, 1}, {"every_span_pooling", true, 1}, {"1_percent", false, 0.01}} {
		b.Run(c.name, func(b *testing.B) {
			setPooling(b, c.pooling)
			spans := 0
			next, err := consumer.NewTraces(func(_ context.Context, td ptrace.Traces) error {
				spans += td.SpanCount()
				release(td)
				return nil
			})
			require.NoError(b, err)
			sender, err := emit.NewSender(emit.SenderSettings{Receiver: receivertest.NewNopSettings(metadata.Type), Traces: next, Metrics: consumertest.NewNop()})
			require.NoError(b, err)
			sender.Start()
			batcher := emit.NewBatcher(sender, emit.DefaultBatchConfig("test"))

			info := &probe.ProcessInfo{PID: 4711, StartTime: 1, Resource: pcommon.NewResource()}
			for _, k := range []string{"service.name", "service.instance.id", "host.name", "host.id", "process.executable.name", "process.executable.path", "process.owner", "telemetry.distro.name"} {
				info.Resource.Attributes().PutStr(k, "some value of it")
			}
			set := probe.Settings{
				Logger: zap.NewNop(), Signals: probe.Traces | probe.Metrics, Emit: batcher.Emitter("http"),
				Processes: one{info}, Clock: wall{},
			}
			cfg := http.DefaultConfig()
			cfg.Sampling.Ratio = c.ratio
			instrument, err := http.Factory().New(set, cfg)
			require.NoError(b, err)
			p, err := Factory().New(set, defaultConfig())
			require.NoError(b, err)
			d := p.(*daemon)
			require.NoError(b, instrument.Load(b.Context(), &probe.Loading{Dependencies: map[string]probe.Probe{"socket": d}}))

			heap := make([]byte, heapOfCollector)
			defer runtime.KeepAlive(heap)
			runtime.GC()
			rec, bytes := exchangeRecord()
			b.ReportAllocs()
			b.ResetTimer()
			for b.Loop() {
				d.record(bytes)
				// The next exchange of the connection.
				rec.Segs[0].Pos += rec.Segs[0].Len
				rec.Segs[1].Pos += rec.Segs[1].Len
				rec.Segs[0].Seq += uint32(rec.Segs[0].Len)
				rec.Segs[1].Seq += uint32(rec.Segs[1].Len)
			}
			b.StopTimer()
			batcher.Flush()
			require.NoError(b, sender.Shutdown(b.Context()))
			counts := instrument.(probe.Accountant).Counts()
			require.EqualValues(b, b.N, counts.Seen)
			require.Equal(b, counts.Seen, counts.Delivered+counts.SampledOut)
			require.EqualValues(b, counts.Delivered, spans)
		})
	}
}
