// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package messaging

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// socket is the name of the Daemon that hands over the bytes.
const socket = "socket"

// Factory describes the Instrument "messaging".
func Factory() probe.Factory {
	return probe.Factory{
		Manifest: probe.Manifest{
			Name:      "messaging",
			Kind:      probe.Instrument,
			Summary:   "messages of AMQP 0-9-1, Kafka, MQTT and NATS, of producers, consumers and brokers",
			Signals:   probe.Traces | probe.Metrics,
			DependsOn: []string{socket},
			Stability: component.StabilityLevelDevelopment,
		},
		DefaultConfig: func() any { return DefaultConfig() },
		New: func(set probe.Settings, config any) (probe.Probe, error) {
			cfg, ok := config.(*Config)
			if !ok {
				return nil, fmt.Errorf("the configuration of messaging is a %T, not a %T", config, cfg)
			}
			r := newRecorder(set, cfg)
			return &instrument{recorder: r, adapters: []adapter{newAMQP(r), newKafka(r), newMQTT(r), newNATS(r)}}, nil
		},
	}
}

// adapter makes operations of what one dissector finds.
type adapter interface {
	protocol() stream.Protocol
	// addLost adds the messages that the dissector saw and could not hand on.
	addLost(*[probe.NumCauses]uint64)
}

// instrument is the probe.
type instrument struct {
	recorder *recorder
	adapters []adapter
}

var (
	_ probe.Probe      = (*instrument)(nil)
	_ probe.Collector  = (*instrument)(nil)
	_ probe.Accountant = (*instrument)(nil)
)

// Load registers the protocols with the Daemon.
func (p *instrument) Load(_ context.Context, l *probe.Loading) error {
	s, ok := l.Dependencies[socket].(stream.Source)
	if !ok {
		return errors.New("messaging needs the probe socket, which is not loaded")
	}
	p.recorder.tracer.Correlator = s.Correlator()
	for _, a := range p.adapters {
		if err := s.Register(a.protocol()); err != nil {
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
func (p *instrument) Collect(_ context.Context, now time.Time) error {
	p.recorder.collect(now)
	return nil
}

// Counts implements probe.Accountant. The unit is operations.
func (p *instrument) Counts() probe.Counts {
	var lost [probe.NumCauses]uint64
	for _, a := range p.adapters {
		a.addLost(&lost)
	}
	return p.recorder.account(lost)
}
