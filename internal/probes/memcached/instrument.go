// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package memcached

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/db"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/memcached"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// socket is the name of the Daemon that hands over the bytes.
const socket = "socket"

// Factory describes the Instrument "memcached".
func Factory() probe.Factory {
	return probe.Factory{
		Manifest: probe.Manifest{
			Name:      "memcached",
			Kind:      probe.Instrument,
			Summary:   "commands of memcached, of servers and of clients",
			Signals:   probe.Traces | probe.Metrics,
			DependsOn: []string{socket},
			Stability: component.StabilityLevelDevelopment,
		},
		DefaultConfig: func() any { return DefaultConfig() },
		New: func(set probe.Settings, config any) (probe.Probe, error) {
			cfg, ok := config.(*Config)
			if !ok {
				return nil, fmt.Errorf("the configuration of memcached is a %T, not a %T", config, cfg)
			}
			return &instrument{
				recorder: db.NewRecorder(set, cfg.Config),
				parsers:  memcached.NewConfig(memcached.Options{Keys: cfg.Keys}),
			}, nil
		},
	}
}

// instrument is the probe.
type instrument struct {
	recorder *db.Recorder
	parsers  *memcached.Config
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
		return errors.New("memcached needs the probe socket, which is not loaded")
	}
	p.recorder.Use(s)
	return s.Register(p.protocol())
}

func (p *instrument) protocol() stream.Protocol {
	return &db.Protocol[memcached.Exchange]{
		Recorder:  p.recorder,
		Kind:      stream.ProtoMemcached,
		NewParser: func(emit func(*memcached.Exchange)) segment.Parser { return p.parsers.NewParser(emit) },
		Recognize: memcached.Recognize,
		Emit:      p.emit,
	}
}

// emit takes one exchange. in is valid only during the call.
func (p *instrument) emit(c *db.Conn, in *memcached.Exchange) {
	strings := p.recorder.Strings
	p.ex = db.Exchange{
		System: "memcached", Operation: in.Operation, Rows: -1,
		Request:     in.RequestTag,
		ResponseTID: in.ResponseTag.TID,
	}
	ex := &p.ex
	ex.SetTimes(in.RequestStart, in.RequestEnd, in.ResponseStart, in.ResponseEnd, in.End)
	switch {
	case in.Failed:
		ex.Status = strings.Str(in.Status)
		if in.Code >= 0 {
			ex.Status = strings.Str(strconv.AppendInt(nil, int64(in.Code), 10))
		}
		ex.ErrorType = ex.Status
		if ex.Status == "" {
			ex.ErrorType = "_OTHER"
		}
	case in.Outcome == memcached.NoResponse || in.Outcome == memcached.ResponseCut:
		ex.ErrorType = db.CutError(in.Reason)
	}
	if len(in.Keys) > 0 {
		p.text = append(p.text[:0], in.Operation...)
		for _, k := range in.Keys {
			p.text = append(append(p.text, ' '), k...)
		}
		if in.KeysTruncated {
			p.text = append(p.text, " ..."...)
		}
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
	lost[probe.Unmatched] = st.DropEnded + st.OrphanResponses
	lost[probe.Undecodable] = st.UndecodableRequests
	return p.recorder.Counts(lost)
}
