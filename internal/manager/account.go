// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// account gives the unit's counts with what the pipelines refused: that was
// delivered as far as the probe knows.
func (m *Manager) account(u *unit) (probe.Counts, bool) {
	c := u.counts.Load()
	if c == nil {
		return probe.Counts{}, false
	}
	counts := *c
	a := m.sender.Account(scope(u.name))
	refused := a.Traces.Totals().Refused + a.Logs.Totals().Refused
	refused = min(refused, counts.Delivered) // the counts may be older
	counts.Delivered -= refused
	counts.Lost[probe.Refused] += refused
	return counts, true
}

// selected is a Daemon that can tell how many processes it follows.
type selected interface{ Selected() int }

// observe registers the receiver's own metrics.
func (m *Manager) observe() error {
	t := m.telemetry
	each := func(value func(*probe.Counts) uint64) metric.Int64Callback {
		return func(_ context.Context, o metric.Int64Observer) error {
			for _, u := range m.order {
				if c, ok := m.account(u); ok {
					o.Observe(int64(value(&c)), metric.WithAttributes(attribute.String("probe", u.name)))
				}
			}
			return nil
		}
	}
	return errors.Join(
		t.RegisterEbpfEventsSeenCallback(each(func(c *probe.Counts) uint64 { return c.Seen })),
		t.RegisterEbpfEventsDeliveredCallback(each(func(c *probe.Counts) uint64 { return c.Delivered })),
		t.RegisterEbpfEventsSampledOutCallback(each(func(c *probe.Counts) uint64 { return c.SampledOut })),
		t.RegisterEbpfEventsFilteredCallback(each(func(c *probe.Counts) uint64 { return c.Filtered })),
		t.RegisterEbpfEventsIncompleteCallback(each(func(c *probe.Counts) uint64 { return c.Incomplete })),
		t.RegisterEbpfEventsLostCallback(m.observeLost),
		t.RegisterEbpfProbeStateCallback(m.observeState),
		t.RegisterEbpfProcessesSelectedCallback(m.observeSelected),
		t.RegisterEbpfRingPendingCallback(m.observeRings(func(pending, _ int) int { return pending })),
		t.RegisterEbpfRingSizeCallback(m.observeRings(func(_, size int) int { return size })),
	)
}

func (m *Manager) observeLost(_ context.Context, o metric.Int64Observer) error {
	for _, u := range m.order {
		c, ok := m.account(u)
		if !ok {
			continue
		}
		for cause, n := range c.Lost {
			o.Observe(int64(n), metric.WithAttributes(
				attribute.String("probe", u.name), attribute.String("cause", probe.Cause(cause).String())))
		}
	}
	return nil
}

func (m *Manager) observeState(_ context.Context, o metric.Int64Observer) error {
	for _, u := range m.order {
		o.Observe(1, metric.WithAttributes(
			attribute.String("probe", u.name),
			attribute.String("state", string(u.outcome.state)),
			attribute.String("variant", u.outcome.variant),
			attribute.String("reason", u.reason())))
	}
	return nil
}

func (m *Manager) observeSelected(_ context.Context, o metric.Int64Observer) error {
	for _, u := range m.order {
		if s, ok := u.probe.(selected); ok && u.runs() {
			o.Observe(int64(s.Selected()))
		}
	}
	return nil
}

func (m *Manager) observeRings(value func(pending, size int) int) metric.Int64Callback {
	return func(_ context.Context, o metric.Int64Observer) error {
		for _, l := range m.loops {
			var sum int
			for _, r := range l.rings {
				sum += value(r.Occupancy())
			}
			if len(l.rings) > 0 {
				o.Observe(int64(sum), metric.WithAttributes(attribute.String("probe", l.name)))
			}
		}
		return nil
	}
}
