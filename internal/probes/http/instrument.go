// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.uber.org/zap"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/intern"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/tracing"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/http1"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// socket is the name of the Daemon that hands over the bytes.
const socket = "socket"

// Factory describes the Instrument "http".
func Factory() probe.Factory {
	return probe.Factory{
		Manifest: probe.Manifest{
			Name:      "http",
			Kind:      probe.Instrument,
			Summary:   "HTTP requests and gRPC calls, of servers and of clients",
			Signals:   probe.Traces | probe.Metrics,
			DependsOn: []string{socket},
			Stability: component.StabilityLevelDevelopment,
		},
		DefaultConfig: func() any { return DefaultConfig() },
		New: func(set probe.Settings, config any) (probe.Probe, error) {
			cfg, ok := config.(*Config)
			if !ok {
				return nil, fmt.Errorf("the configuration of http is a %T, not a %T", config, cfg)
			}
			return newInstrument(set, cfg)
		},
	}
}

// instrument is the probe.
type instrument struct {
	cfg       *Config
	log       *zap.Logger
	emit      probe.Emitter
	clock     probe.Clock
	processes probe.Processes
	traces    bool

	router       *router
	names        []string // span names by route and method
	redactor     redactor
	requestKeys  []string // attribute keys of captured headers
	responseKeys []string
	requestMeta  []string // the same of calls
	responseMeta []string
	tracer       *tracing.Tracer
	source       stream.Source // since Load
	routes       stream.Routes // the same, nil when it knows none
	callers      stream.Callers
	bare         bool // see shed.go
	strings      *intern.Strings
	parsers      *http1.Config
	second       *second
	metrics      *aggregation // nil without a metrics pipeline

	counts probe.Counts // without what the parsers count
	lost   uint64       // in the kernel's ring
	// answeredLost are the responses to these that the parsers saw.
	answeredLost uint64

	// For the exchange at hand.
	at      subject
	scratch []byte
	free    []*held
	idle    []*handler
}

var (
	_ probe.Probe      = (*instrument)(nil)
	_ probe.Collector  = (*instrument)(nil)
	_ probe.Accountant = (*instrument)(nil)
	_ stream.Protocol  = (*instrument)(nil)
)

func newInstrument(set probe.Settings, cfg *Config) (*instrument, error) {
	r, err := newRouter(cfg.Routes)
	if err != nil {
		return nil, err
	}
	p := &instrument{
		cfg: cfg, log: set.Logger, emit: set.Emit, clock: set.Clock, processes: set.Processes,
		traces:   set.Signals.Has(probe.Traces),
		router:   r,
		names:    make([]string, len(cfg.Routes)*len(methods)),
		redactor: newRedactor(cfg.RedactQuery),
		tracer:   tracing.New(cfg.Sampling),
		strings:  intern.New(),
		parsers: http1.NewConfig(http1.Options{
			RequestHeaders:  cfg.CaptureHeaders.Request,
			ResponseHeaders: append(slices.Clone(cfg.CaptureHeaders.Response), upgradeField),
		}),
		requestKeys:  headerKeys("http.request.header.", cfg.CaptureHeaders.Request),
		responseKeys: headerKeys("http.response.header.", cfg.CaptureHeaders.Response),
	}
	p.tracer.Admit = set.Admit
	p.requestMeta = headerKeys(keyRequestMeta, cfg.CaptureHeaders.Request)
	p.responseMeta = headerKeys(keyResponseMeta, cfg.CaptureHeaders.Response)
	p.second = newSecond(set, p)
	if set.Signals.Has(probe.Metrics) {
		p.metrics = newAggregation(cfg.Metrics, r)
	}
	return p, nil
}

func headerKeys(prefix string, names []string) []string {
	keys := make([]string, len(names))
	for i, n := range names {
		keys[i] = prefix + strings.ToLower(n)
	}
	return keys
}

// Load registers the protocol with the Daemon.
func (p *instrument) Load(_ context.Context, l *probe.Loading) error {
	s, ok := l.Dependencies[socket].(stream.Source)
	if !ok {
		return errors.New("http needs the probe socket, which is not loaded")
	}
	p.tracer.Correlator = s.Correlator()
	if err := s.Register(p); err != nil {
		return err
	}
	if err := s.Register(p.second); err != nil {
		return err
	}
	p.source = s
	p.routes, _ = s.(stream.Routes)
	p.callers, _ = s.(stream.Callers)
	if p.reject() > 0 {
		return p.sample()
	}
	return nil
}

// sample tells the kernel what to drop.
func (p *instrument) sample() error {
	return p.source.Sample(stream.Sampling{
		Reject:  p.reject(),
		Targets: p.metrics != nil && len(p.cfg.Routes) > 0,
		Sizes:   p.metrics != nil && p.cfg.Metrics.BodySizes,
		// The kernel counts in the conventions' buckets.
		Durations: p.metrics != nil && p.cfg.Metrics.Histogram != HistogramExplicit,
		Alone:     !p.traces,
	})
}

// Attach has nothing to do: the Daemon attaches.
func (p *instrument) Attach(context.Context, probe.Target) (io.Closer, error) { return nothing{}, nil }

type nothing struct{}

func (nothing) Close() error { return nil }

// Close has nothing to undo.
func (p *instrument) Close() error { return nil }

// Proto implements stream.Protocol.
func (p *instrument) Proto() stream.Proto { return stream.ProtoHTTP1 }

// Open implements stream.Protocol.
func (p *instrument) Open(c *stream.Conn) stream.Handler { return p.newHandler(c) }

// Lost implements stream.Protocol.
func (p *instrument) Lost(_ *probe.ProcessInfo, n uint64) { p.lost += n }

// Collect emits the metrics.
func (p *instrument) Collect(_ context.Context, now time.Time) error {
	if p.metrics != nil {
		p.metrics.collect(p.emit, p.clock, pcommon.NewTimestampFromTime(now), p.gone)
		p.second.calls.collect(p.emit, p.clock, pcommon.NewTimestampFromTime(now), p.gone)
	}
	return nil
}

func (p *instrument) gone(i *probe.ProcessInfo) bool {
	return p.processes != nil && p.processes.Lookup(i.PID, i.StartTime) == nil
}

// Counts adds what the parsers saw and could not hand on.
func (p *instrument) Counts() probe.Counts {
	c := p.counts
	s := p.parsers.Stats()
	c.Lost[probe.RingFull] += p.lost
	c.Lost[probe.Overflow] += s.DropOverflow
	c.Lost[probe.Truncated] += s.DropAmbiguous + s.DropNoStatus
	c.Lost[probe.Unmatched] += s.DropUpgraded + s.OrphanResponses - p.answeredLost
	c.Lost[probe.Undecodable] += s.UndecodableRequests
	p.second.count(&c)
	c.Seen += c.TotalLost()
	return c
}
