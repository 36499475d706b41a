// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package sql

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/db"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// socket is the name of the Daemon that hands over the bytes.
const socket = "socket"

// Factory describes the Instrument "sql".
func Factory() probe.Factory {
	return probe.Factory{
		Manifest: probe.Manifest{
			Name:      "sql",
			Kind:      probe.Instrument,
			Summary:   "queries of PostgreSQL, MySQL and MariaDB, of servers and of clients",
			Signals:   probe.Traces | probe.Metrics,
			DependsOn: []string{socket},
			Stability: component.StabilityLevelDevelopment,
		},
		DefaultConfig: func() any { return DefaultConfig() },
		New: func(set probe.Settings, config any) (probe.Probe, error) {
			cfg, ok := config.(*Config)
			if !ok {
				return nil, fmt.Errorf("the configuration of sql is a %T, not a %T", config, cfg)
			}
			return newInstrument(set, cfg), nil
		},
	}
}

// instrument is the probe.
type instrument struct {
	cfg      *Config
	recorder *db.Recorder
	sides    []side
	logger   *zap.Logger
	told     map[string]bool // reasons
}

// side is one protocol.
type side interface {
	protocol() stream.Protocol
	// lost tells what the parsers could not hand on.
	lost() [probe.NumCauses]uint64
	// opaque tells what connections nothing more is known of.
	opaque() []opaque
}

var (
	_ probe.Probe      = (*instrument)(nil)
	_ probe.Collector  = (*instrument)(nil)
	_ probe.Accountant = (*instrument)(nil)
)

func newInstrument(set probe.Settings, cfg *Config) *instrument {
	p := &instrument{cfg: cfg, recorder: db.NewRecorder(set, cfg.Config), logger: set.Logger, told: map[string]bool{}}
	p.sides = []side{newPostgreSQL(p), newMySQL(p)}
	return p
}

// Load registers the protocols with the Daemon.
func (p *instrument) Load(_ context.Context, l *probe.Loading) error {
	s, ok := l.Dependencies[socket].(stream.Source)
	if !ok {
		return errors.New("sql needs the probe socket, which is not loaded")
	}
	p.recorder.Use(s)
	for _, side := range p.sides {
		if err := s.Register(side.protocol()); err != nil {
			return err
		}
	}
	return nil
}

// Attach has nothing to do: the Daemon attaches.
func (p *instrument) Attach(context.Context, probe.Target) (io.Closer, error) { return nothing{}, nil }

type nothing struct{}

func (nothing) Close() error { return nil }

// Close has nothing to undo.
func (p *instrument) Close() error { return nil }

// Collect emits the metrics.
func (p *instrument) Collect(ctx context.Context, now time.Time) error {
	p.tellOpaque()
	return p.recorder.Collect(ctx, now)
}

// Counts implements probe.Accountant. The unit is operations.
func (p *instrument) Counts() probe.Counts {
	var lost [probe.NumCauses]uint64
	for _, side := range p.sides {
		for cause, n := range side.lost() {
			lost[cause] += n
		}
	}
	return p.recorder.Counts(lost)
}

// describe writes what a query's text says. r is what the caller uses of the text
// raw, when nothing is to be replaced.
func (p *instrument) describe(ex *db.Exchange, q *query, raw []byte) {
	ex.Summary, ex.Procedure = q.summary, q.procedure
	if p.cfg.QueryText {
		if p.cfg.Sanitize {
			ex.Text = q.text
		} else {
			ex.Text = p.recorder.Strings.Str(raw)
		}
	}
	if q.statements > 1 {
		ex.Batch = q.statements
	}
	if p.cfg.NamesFromQuery {
		ex.Operation, ex.Collection = q.operation, q.collection
	}
}
