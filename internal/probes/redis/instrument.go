// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/db"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/redis"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// socket is the name of the Daemon that hands over the bytes.
const socket = "socket"

// Factory describes the Instrument "redis".
func Factory() probe.Factory {
	return probe.Factory{
		Manifest: probe.Manifest{
			Name:      "redis",
			Kind:      probe.Instrument,
			Summary:   "commands of Redis and Valkey, of servers and of clients",
			Signals:   probe.Traces | probe.Metrics,
			DependsOn: []string{socket},
			Stability: component.StabilityLevelDevelopment,
		},
		DefaultConfig: func() any { return DefaultConfig() },
		New: func(set probe.Settings, config any) (probe.Probe, error) {
			cfg, ok := config.(*Config)
			if !ok {
				return nil, fmt.Errorf("the configuration of redis is a %T, not a %T", config, cfg)
			}
			return &instrument{
				recorder: db.NewRecorder(set, cfg.Config),
				parsers:  redis.NewConfig(redis.Options{Keys: cfg.Keys}),
			}, nil
		},
	}
}

// instrument is the probe.
type instrument struct {
	recorder *db.Recorder
	parsers  *redis.Config
	ex       db.Exchange // for the call at hand
	text     []byte
}

var (
	_ probe.Probe      = (*instrument)(nil)
	_ probe.Collector  = (*instrument)(nil)
	_ probe.Accountant = (*instrument)(nil)
)

// Load registers the protocol with the Daemon.
func (p *instrument) Load(_ context.Context, l *probe.Loading) error {
	s, ok := l.Dependencies[socket].(stream.Source)
	if !ok {
		return errors.New("redis needs the probe socket, which is not loaded")
	}
	p.recorder.Use(s)
	return s.Register(p.protocol())
}

func (p *instrument) protocol() stream.Protocol {
	return &db.Protocol[redis.Exchange]{
		Recorder:  p.recorder,
		Kind:      stream.ProtoRedis,
		NewParser: func(emit func(*redis.Exchange)) segment.Parser { return p.parsers.NewParser(emit) },
		Recognize: redis.Recognize,
		Emit:      p.emit,
	}
}

// emit takes one exchange. in is valid only during the call.
func (p *instrument) emit(c *db.Conn, in *redis.Exchange) {
	if in.Outcome == redis.NotExecuted {
		p.recorder.Filter()
		return
	}
	strings := p.recorder.Strings
	p.ex = db.Exchange{
		System: "redis", NoNamespaceInName: true, Rows: -1,
		Procedure:   strings.Str(in.Script),
		Request:     in.RequestTag,
		ResponseTID: in.ResponseTag.TID,
	}
	ex := &p.ex
	ex.SetTimes(in.RequestStart, in.RequestEnd, in.ResponseStart, in.ResponseEnd, in.End)
	// A name that neither we nor the server know may be anything.
	if in.Known || in.Kind != redis.KindNone && !in.Failed {
		ex.Operation = strings.Str(in.Operation)
	}
	if in.DB >= 0 {
		ex.Namespace = strconv.Itoa(int(in.DB)) // does not allocate below 100
	}
	switch {
	case in.Failed:
		ex.Status = strings.Str(in.ErrorPrefix)
		ex.ErrorType = ex.Status
		if ex.Status == "" {
			ex.ErrorType = "_OTHER"
		}
	case in.Outcome == redis.NoResponse || in.Outcome == redis.ResponseCut:
		ex.ErrorType = db.CutError(in.Reason)
	}
	if len(in.Keys) > 0 && ex.Operation != "" {
		p.text = appendText(p.text[:0], ex.Operation, in)
		ex.Text = strings.Str(p.text)
	}
	p.recorder.Record(c, ex)
}

// Attach has nothing to do: the Daemon attaches.
func (p *instrument) Attach(context.Context, probe.Target) (io.Closer, error) { return nothing{}, nil }

type nothing struct{}

func (nothing) Close() error { return nil }

// Close has nothing to undo.
func (p *instrument) Close() error { return nil }

// Collect emits the metrics.
func (p *instrument) Collect(ctx context.Context, now time.Time) error {
	return p.recorder.Collect(ctx, now)
}

// Counts implements probe.Accountant. The unit is commands.
func (p *instrument) Counts() probe.Counts {
	st := p.parsers.Stats()
	var lost [probe.NumCauses]uint64
	lost[probe.Overflow] = st.DropOverflow
	lost[probe.Truncated] = st.DropAmbiguous + st.DropNoStatus
	lost[probe.Unmatched] = st.DropEnded + st.OrphanReplies
	lost[probe.Undecodable] = st.UndecodableRequests
	return p.recorder.Counts(lost)
}
