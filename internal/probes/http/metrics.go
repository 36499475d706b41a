// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	semconv "go.opentelemetry.io/otel/semconv/v1.40.0"
	"go.opentelemetry.io/otel/semconv/v1.40.0/httpconv"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/aggregate"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/http1"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// durationBounds are the conventions' for http.*.request.duration, in seconds.
var durationBounds = []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}

// sizeBounds are for bodies, in bytes: the conventions give none, so powers of four.
var sizeBounds = []float64{0, 64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20, 64 << 20, 256 << 20}

// Indices of a series' histograms.
const (
	durations = iota
	requestSizes
	responseSizes
)

// seriesKey is an attribute set. It holds no string that is made for one exchange.
type seriesKey struct {
	host    string // "" without server.address
	route   int32
	port    uint16
	status  uint16 // 0 when not known
	method  uint8
	version uint8
	failure failure
	https   bool
}

type (
	series = aggregate.Series[seriesKey]
	cursor = aggregate.Cursor[seriesKey]
)

// aggregation holds the metrics of all processes.
type aggregation struct {
	cfg    MetricsConfig
	router *router
	table  *aggregate.Table[seriesKey]
}

func newAggregation(cfg MetricsConfig, r *router) *aggregation {
	return &aggregation{cfg: cfg, router: r, table: aggregate.NewTable[seriesKey](cfg.Histogram, cfg.CardinalityLimit)}
}

// record counts an exchange and returns its series.
func (a *aggregation) record(c *peer, ex *http1.Exchange, f *facts) *series {
	k := seriesKey{
		route: f.route, method: f.method, version: ex.RequestMinor,
		failure: f.failure, https: string(f.target.scheme) == "https",
	}
	if ex.StatusKnown {
		k.status = ex.Status
	}
	if c.Role == stream.Client || a.cfg.ServerAddress {
		k.host, k.port = f.host, f.port
	}
	s := a.table.Find(&c.cursor, c.Process, c.Role, k, f.start)
	a.table.Record(s, durations, durationBounds, f.seconds())
	if a.cfg.BodySizes {
		a.size(s, requestSizes, ex.RequestBodySize)
		a.size(s, responseSizes, ex.ResponseBodySize)
	}
	return s
}

// size records a body size, which is negative when it is not known.
func (a *aggregation) size(s *series, index int, n int64) {
	if n >= 0 {
		a.table.Record(s, index, sizeBounds, float64(n))
	}
}

func makeInstruments() []aggregate.Instrument {
	var (
		sd httpconv.ServerRequestDuration
		sq httpconv.ServerRequestBodySize
		sr httpconv.ServerResponseBodySize
		cd httpconv.ClientRequestDuration
		cq httpconv.ClientRequestBodySize
		cr httpconv.ClientResponseBodySize
	)
	return []aggregate.Instrument{
		{Role: stream.Server, Name: sd.Name(), Unit: sd.Unit(), Description: sd.Description(), Index: durations},
		{Role: stream.Server, Name: sq.Name(), Unit: sq.Unit(), Description: sq.Description(), Index: requestSizes},
		{Role: stream.Server, Name: sr.Name(), Unit: sr.Unit(), Description: sr.Description(), Index: responseSizes},
		{Role: stream.Client, Name: cd.Name(), Unit: cd.Unit(), Description: cd.Description(), Index: durations},
		{Role: stream.Client, Name: cq.Name(), Unit: cq.Unit(), Description: cq.Description(), Index: requestSizes},
		{Role: stream.Client, Name: cr.Name(), Unit: cr.Unit(), Description: cr.Description(), Index: responseSizes},
	}
}

// collect emits all series. It retires those of processes that gone tells.
func (a *aggregation) collect(emit probe.Emitter, clock probe.Clock, now pcommon.Timestamp, gone func(*probe.ProcessInfo) bool) {
	a.table.Collect(&aggregate.Collection[seriesKey]{
		Emit: emit, Clock: clock, Now: now, Instruments: makeInstruments(), Attributes: a.attributes, Gone: gone,
	})
}

func (a *aggregation) attributes(m pcommon.Map, _ stream.Role, k *seriesKey) {
	m.EnsureCapacity(8)
	if k.method != unknownMethod {
		m.PutStr(string(semconv.HTTPRequestMethodKey), methods[k.method])
	}
	m.PutStr(string(semconv.URLSchemeKey), scheme(k.https))
	if k.status != 0 {
		m.PutInt(string(semconv.HTTPResponseStatusCodeKey), int64(k.status))
	}
	if k.failure != success {
		m.PutStr(string(semconv.ErrorTypeKey), k.failure.errorType(k.status))
	}
	if k.route != noRoute {
		m.PutStr(string(semconv.HTTPRouteKey), a.router.patterns[k.route])
	}
	if int(k.version) < len(versions) {
		m.PutStr(string(semconv.NetworkProtocolVersionKey), versions[k.version])
	}
	if k.host != "" {
		m.PutStr(string(semconv.ServerAddressKey), k.host)
		if k.port != 0 {
			m.PutInt(string(semconv.ServerPortKey), int64(k.port))
		}
	}
}

func scheme(https bool) string {
	if https {
		return "https"
	}
	return "http"
}
