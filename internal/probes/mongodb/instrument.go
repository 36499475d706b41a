// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package mongodb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/db"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/mongodb"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// socket is the name of the Daemon that hands over the bytes.
const socket = "socket"

// Factory describes the Instrument "mongodb".
func Factory() probe.Factory {
	return probe.Factory{
		Manifest: probe.Manifest{
			Name:      "mongodb",
			Kind:      probe.Instrument,
			Summary:   "commands of MongoDB, of servers and of clients",
			Signals:   probe.Traces | probe.Metrics,
			DependsOn: []string{socket},
			Stability: component.StabilityLevelDevelopment,
		},
		DefaultConfig: func() any { return DefaultConfig() },
		New: func(set probe.Settings, config any) (probe.Probe, error) {
			cfg, ok := config.(*Config)
			if !ok {
				return nil, fmt.Errorf("the configuration of mongodb is a %T, not a %T", config, cfg)
			}
			return &instrument{
				recorder: db.NewRecorder(set, cfg.Config),
				parsers:  mongodb.NewConfig(mongodb.Options{}),
			}, nil
		},
	}
}

// instrument is the probe.
type instrument struct {
	recorder *db.Recorder
	parsers  *mongodb.Config
	ex       db.Exchange // for the call at hand
	number   [16]byte
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
		return errors.New("mongodb needs the probe socket, which is not loaded")
	}
	p.recorder.Use(s)
	return s.Register(p.protocol())
}

func (p *instrument) protocol() stream.Protocol {
	return &db.Protocol[mongodb.Exchange]{
		Recorder:  p.recorder,
		Kind:      stream.ProtoMongoDB,
		NewParser: func(emit func(*mongodb.Exchange)) segment.Parser { return p.parsers.NewParser(emit) },
		Recognize: mongodb.Recognize,
		Emit:      p.emit,
	}
}

// emit takes one exchange. in is valid only during the call.
func (p *instrument) emit(c *db.Conn, in *mongodb.Exchange) {
	strings := p.recorder.Strings
	p.ex = db.Exchange{
		System: "mongodb", Collection: strings.Str(in.Collection), Namespace: strings.Str(in.Database),
		Rows: in.Returned, Batch: int(in.Batch), Request: in.RequestTag, ResponseTID: in.ResponseTag.TID,
	}
	ex := &p.ex
	ex.SetTimes(in.RequestStart, in.RequestEnd, in.ResponseStart, in.ResponseEnd, in.End)
	// A name that neither we nor the server know may be anything.
	if in.Known || in.StatusKnown && !in.Failed {
		ex.Operation = strings.Str(in.Operation)
	}
	switch {
	case in.Failed && in.Code != 0:
		ex.Status = strings.Str(strconv.AppendInt(p.number[:0], int64(in.Code), 10))
		ex.ErrorType = ex.Status
	case in.Failed:
		ex.ErrorType = "_OTHER"
	case in.Outcome == mongodb.NoResponse || in.Outcome == mongodb.ResponseCut:
		ex.ErrorType = db.CutError(in.Reason)
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
	lost[probe.Truncated] = st.DropNoStatus
	lost[probe.Unmatched] = st.OrphanResponses
	lost[probe.Undecodable] = st.UndecodableRequests
	return p.recorder.Counts(lost)
}
