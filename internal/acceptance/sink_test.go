// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package acceptance

import (
	"context"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // what exporters compress with
)

// attrs are attributes of any kind.
type attrs map[string]any

// span is one span with its resource.
type span struct {
	ptrace.Span
	resource attrs
}

func (s span) attr(name string) any {
	v, ok := s.Attributes().Get(name)
	if !ok {
		return nil
	}
	return v.AsRaw()
}

// event is one log record with its resource.
type event struct {
	name     string
	body     string
	resource attrs
	attrs    attrs
}

// point is the last cumulative value of one series: of a histogram, or the sum of a sum.
type point struct {
	metric   string
	resource attrs
	attrs    attrs
	count    uint64
	sum      float64
}

// sink is an OTLP server that keeps what it accepts.
type sink struct {
	port int

	mu        sync.Mutex
	countOnly bool // do not keep spans
	refusal   error
	refused   int
	delay     time.Duration // before each answer
	numSpans  uint64
	spans     []span
	events    []event
	points    map[string]point
}

func newSink(t testing.TB) *sink {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &sink{port: l.Addr().(*net.TCPAddr).Port, points: map[string]point{}}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(64 << 20))
	ptraceotlp.RegisterGRPCServer(server, &traceServer{sink: s})
	pmetricotlp.RegisterGRPCServer(server, &metricServer{sink: s})
	plogotlp.RegisterGRPCServer(server, &logServer{sink: s})
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Stop()
		require.NoError(t, <-done)
	})
	return s
}

// refuse answers everything with the error from now on; nil accepts again.
func (s *sink) refuse(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusal = err
}

// refusals is how many requests were refused.
func (s *sink) refusals() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused
}

// slow makes each answer take so long from now on.
func (s *sink) slow(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delay = d
}

// accept is true with the lock held, or gives the refusal.
func (s *sink) accept() error {
	s.mu.Lock()
	d := s.delay
	s.mu.Unlock()
	time.Sleep(d)
	s.mu.Lock()
	if s.refusal == nil {
		return nil
	}
	defer s.mu.Unlock()
	s.refused++
	return s.refusal
}

type traceServer struct {
	ptraceotlp.UnimplementedGRPCServer
	*sink
}

func (s *traceServer) Export(_ context.Context, r ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	if err := s.accept(); err != nil {
		return ptraceotlp.ExportResponse{}, err
	}
	defer s.mu.Unlock()
	s.numSpans += uint64(r.Traces().SpanCount())
	if s.countOnly {
		return ptraceotlp.NewExportResponse(), nil
	}
	for _, rs := range r.Traces().ResourceSpans().All() {
		resource := raw(rs.Resource().Attributes())
		for _, ss := range rs.ScopeSpans().All() {
			for _, sp := range ss.Spans().All() {
				s.spans = append(s.spans, span{sp, resource})
			}
		}
	}
	return ptraceotlp.NewExportResponse(), nil
}

type metricServer struct {
	pmetricotlp.UnimplementedGRPCServer
	*sink
}

func (s *metricServer) Export(_ context.Context, r pmetricotlp.ExportRequest) (pmetricotlp.ExportResponse, error) {
	if err := s.accept(); err != nil {
		return pmetricotlp.ExportResponse{}, err
	}
	defer s.mu.Unlock()
	for _, rm := range r.Metrics().ResourceMetrics().All() {
		resource := raw(rm.Resource().Attributes())
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				switch m.Type() {
				case pmetric.MetricTypeHistogram:
					for _, p := range m.Histogram().DataPoints().All() {
						s.keep(m.Name(), resource, p, point{count: p.Count(), sum: p.Sum()})
					}
				case pmetric.MetricTypeExponentialHistogram:
					for _, p := range m.ExponentialHistogram().DataPoints().All() {
						s.keep(m.Name(), resource, p, point{count: p.Count(), sum: p.Sum()})
					}
				case pmetric.MetricTypeSum:
					for _, p := range m.Sum().DataPoints().All() {
						s.keep(m.Name(), resource, p, point{sum: p.DoubleValue() + float64(p.IntValue())})
					}
				}
			}
		}
	}
	return pmetricotlp.NewExportResponse(), nil
}

// keep takes the newer value of a series. One that begins anew is another.
func (s *sink) keep(metric string, resource attrs, p interface {
	Attributes() pcommon.Map
	StartTimestamp() pcommon.Timestamp
}, v point) {
	v.metric, v.resource, v.attrs = metric, resource, raw(p.Attributes())
	key := metric + resource.key() + v.attrs.key() + strconv.FormatUint(uint64(p.StartTimestamp()), 10)
	s.points[key] = v
}

// forget drops the points that came until now.
func (s *sink) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.points)
}

type logServer struct {
	plogotlp.UnimplementedGRPCServer
	*sink
}

func (s *logServer) Export(_ context.Context, r plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	if err := s.accept(); err != nil {
		return plogotlp.ExportResponse{}, err
	}
	defer s.mu.Unlock()
	for _, rl := range r.Logs().ResourceLogs().All() {
		resource := raw(rl.Resource().Attributes())
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				s.events = append(s.events, event{
					name: lr.EventName(), body: lr.Body().AsString(), resource: resource, attrs: raw(lr.Attributes()),
				})
			}
		}
	}
	return plogotlp.NewExportResponse(), nil
}

func raw(m pcommon.Map) attrs { return m.AsRaw() }
