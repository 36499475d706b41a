// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	semconv "go.opentelemetry.io/otel/semconv/v1.40.0"
	"go.opentelemetry.io/otel/semconv/v1.40.0/httpconv"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/http1"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// seriesKey is an attribute set. It holds no string that is made for one exchange.
type seriesKey struct {
	host     string // "" without server.address
	route    int32
	port     uint16
	status   uint16 // 0 when not known
	role     stream.Role
	method   uint8
	version  uint8
	failure  failure
	https    bool
	overflow bool
}

// series is one attribute set of one process: a point of each metric.
type series struct {
	key   seriesKey
	start uint64
	// begun is start on the wall clock as it was first exported. It must not
	// follow the clock: another start is a series that began anew.
	begun           pcommon.Timestamp
	duration        *histogram
	request, answer *histogram // body sizes, nil when not wanted
}

// processMetrics are the series of one process.
type processMetrics struct {
	process *probe.ProcessInfo
	byKey   map[seriesKey]*series
	all     []*series // in the order of their creation
	sets    [3]int    // number of series by role, without the overflow
	retired bool      // the process is gone and all was exported
}

// aggregation holds the metrics of all processes.
type aggregation struct {
	cfg       MetricsConfig
	router    *router
	processes map[*probe.ProcessInfo]*processMetrics
	order     []*processMetrics
	// overflowed counts exchanges that the cardinality limit put together.
	overflowed uint64
}

func newAggregation(cfg MetricsConfig, r *router) *aggregation {
	return &aggregation{cfg: cfg, router: r, processes: map[*probe.ProcessInfo]*processMetrics{}}
}

// record counts an exchange and returns its series.
func (a *aggregation) record(c *peer, ex *http1.Exchange, f *facts) *series {
	k := seriesKey{
		route: f.route, role: c.role, method: f.method, version: ex.RequestMinor,
		failure: f.failure, https: string(f.target.scheme) == "https",
	}
	if ex.StatusKnown {
		k.status = ex.Status
	}
	if c.role == stream.Client || a.cfg.ServerAddress {
		k.host, k.port = f.host, f.port
	}
	s := c.lastSeries
	if s == nil || s.key != k || c.metrics.retired {
		s = a.find(c, k, f.start)
		c.lastSeries = s
	}
	s.duration.record(f.seconds())
	if a.cfg.BodySizes {
		s.request = a.size(s.request, ex.RequestBodySize)
		s.answer = a.size(s.answer, ex.ResponseBodySize)
	}
	if s.key.overflow {
		a.overflowed++
	}
	return s
}

// size records a body size, which is negative when it is not known.
func (a *aggregation) size(h *histogram, n int64) *histogram {
	if n < 0 {
		return h
	}
	if h == nil {
		h = newHistogram(a.cfg.Histogram == HistogramExponential, sizeBounds)
	}
	h.record(float64(n))
	return h
}

// find returns the series of the key, a new one if there is room, else the overflow.
func (a *aggregation) find(c *peer, k seriesKey, start uint64) *series {
	if c.metrics == nil || c.metrics.retired {
		c.metrics = a.processes[c.process]
	}
	m := c.metrics
	if m == nil {
		m = &processMetrics{process: c.process, byKey: map[seriesKey]*series{}}
		a.processes[c.process] = m
		a.order = append(a.order, m)
		c.metrics = m
	}
	if s := m.byKey[k]; s != nil {
		return s
	}
	if m.sets[k.role] >= a.cfg.CardinalityLimit {
		k = seriesKey{role: k.role, overflow: true}
		if s := m.byKey[k]; s != nil {
			return s
		}
	} else {
		m.sets[k.role]++
	}
	s := &series{key: k, start: start}
	s.duration = newHistogram(a.cfg.Histogram == HistogramExponential, durationBounds)
	m.byKey[k] = s
	m.all = append(m.all, s)
	return s
}

// instruments are the metrics of one role.
type instruments struct {
	role stream.Role
	list [3]struct {
		name, unit, description string
		of                      func(*series) *histogram
	}
}

func makeInstruments() [2]instruments {
	type entry = struct {
		name, unit, description string
		of                      func(*series) *histogram
	}
	duration := func(s *series) *histogram { return s.duration }
	request := func(s *series) *histogram { return s.request }
	answer := func(s *series) *histogram { return s.answer }
	var (
		sd httpconv.ServerRequestDuration
		sq httpconv.ServerRequestBodySize
		sr httpconv.ServerResponseBodySize
		cd httpconv.ClientRequestDuration
		cq httpconv.ClientRequestBodySize
		cr httpconv.ClientResponseBodySize
	)
	return [2]instruments{
		{stream.Server, [3]entry{
			{sd.Name(), sd.Unit(), sd.Description(), duration},
			{sq.Name(), sq.Unit(), sq.Description(), request},
			{sr.Name(), sr.Unit(), sr.Description(), answer},
		}},
		{stream.Client, [3]entry{
			{cd.Name(), cd.Unit(), cd.Description(), duration},
			{cq.Name(), cq.Unit(), cq.Description(), request},
			{cr.Name(), cr.Unit(), cr.Description(), answer},
		}},
	}
}

// collect emits all series. It retires those of processes that gone tells.
func (a *aggregation) collect(emit probe.Emitter, clock probe.Clock, now pcommon.Timestamp, gone func(*probe.ProcessInfo) bool) {
	kinds := makeInstruments()
	kept := a.order[:0]
	for _, m := range a.order {
		for k := range kinds {
			for i := range kinds[k].list {
				inst := &kinds[k].list[i]
				var out pmetric.Metric
				begun := false
				for _, s := range m.all {
					h := inst.of(s)
					if s.key.role != kinds[k].role || h == nil {
						continue
					}
					if !begun {
						begun = true
						out = emit.Metric(m.process)
						out.SetName(inst.name)
						out.SetUnit(inst.unit)
						out.SetDescription(inst.description)
					}
					if s.begun == 0 {
						s.begun = clock.Timestamp(s.start)
					}
					a.attributes(h.writeTo(out, s.begun, now, clock.Timestamp), &s.key)
				}
			}
		}
		if gone(m.process) {
			m.retired = true
			delete(a.processes, m.process)
			continue
		}
		kept = append(kept, m)
	}
	clear(a.order[len(kept):])
	a.order = kept
}

func (a *aggregation) attributes(m pcommon.Map, k *seriesKey) {
	if k.overflow {
		m.PutBool("otel.metric.overflow", true)
		return
	}
	m.EnsureCapacity(8)
	m.PutStr(string(semconv.HTTPRequestMethodKey), methods[k.method])
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
