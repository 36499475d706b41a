// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/ebpfreceiver/ebpfreceiver/internal/limits"
	"github.com/ebpfreceiver/ebpfreceiver/internal/metadata"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// measureEvery is the pace of the governor.
const measureEvery = time.Second

// governor keeps the receiver within its limits. It runs on a goroutine of its own, between
// Start and Shutdown.
type governor struct {
	m     *Manager
	cfg   *limits.Config
	use   *usage
	steps []limits.Step
	// controller has one step for each of steps.
	controller limits.Controller
	level      int
	undo       []func() error // what the steps of processes and probes did, last at the end
	shedding   probe.Shedding
	taken      map[limits.Kind]int64 // how often each kind was shed
	published  atomic.Pointer[published]
}

// published is what the receiver's own metrics tell.
type published struct {
	used       limits.Usage
	now, taken map[limits.Kind]int64
}

func (g *governor) publish(used limits.Usage) {
	p := &published{used: used, now: map[limits.Kind]int64{}, taken: maps.Clone(g.taken)}
	for _, s := range g.steps[:g.level] {
		p.now[s.Kind]++
	}
	g.published.Store(p)
}

// observe registers the governor's metrics.
func (g *governor) observe(t *metadata.TelemetryBuilder) error {
	steps := func(of func(p *published) map[limits.Kind]int64) metric.Int64Callback {
		return func(_ context.Context, o metric.Int64Observer) error {
			if p := g.published.Load(); p != nil {
				for _, k := range limits.Kinds() {
					o.Observe(of(p)[k], metric.WithAttributes(attribute.String("step", string(k))))
				}
			}
			return nil
		}
	}
	return errors.Join(
		t.RegisterEbpfLimitsUsageCallback(func(_ context.Context, o metric.Float64Observer) error {
			if p := g.published.Load(); p != nil {
				for r, part := range p.used {
					o.Observe(part, metric.WithAttributes(attribute.String("resource", string(r))))
				}
			}
			return nil
		}),
		t.RegisterEbpfLimitsShedCallback(steps(func(p *published) map[limits.Kind]int64 { return p.now })),
		t.RegisterEbpfLimitsStepsCallback(steps(func(p *published) map[limits.Kind]int64 { return p.taken })),
	)
}

func newGovernor(m *Manager, use *usage) *governor {
	g := &governor{
		m: m, cfg: &m.set.Config.Limits, use: use, steps: limits.Ladder(len(m.detachable())),
		taken: map[limits.Kind]int64{},
	}
	g.controller.Steps = len(g.steps)
	return g
}

func (g *governor) run() {
	t := time.NewTicker(measureEvery)
	defer t.Stop()
	for {
		select {
		case <-g.m.stopWatch:
			return
		case now := <-t.C:
			g.step(now)
		}
	}
}

// step measures once, and applies that.
func (g *governor) step(now time.Time) {
	used, err := g.use.measure(now, g.cfg)
	if err != nil {
		g.m.log.Warn("What the receiver uses cannot be measured", zap.Error(err))
		return
	}
	g.apply(now, used)
}

// apply sheds or takes up one step if what is used calls for it.
func (g *governor) apply(now time.Time, used limits.Usage) {
	defer g.publish(used)
	level, by := g.controller.Next(now, used)
	for g.level < level {
		g.shed(g.steps[g.level], by, used[by])
	}
	for g.level > level {
		g.takeUp(g.steps[g.level-1], by, used[by])
	}
}

// shed does the next step.
func (g *governor) shed(s limits.Step, by limits.Resource, part float64) {
	g.level++
	g.taken[s.Kind]++
	fields := []zap.Field{zap.String("resource", string(by)), zap.Float64("part_of_budget", round(part)), zap.String("step", string(s.Kind))}
	switch s.Kind {
	case limits.Sampling:
		g.shedding.Drop = s.Drop
		g.tell()
	case limits.Content:
		g.shedding.Bare = true
		g.tell()
	case limits.Process:
		fields = append(fields, g.ignoreNoisiest()...)
	case limits.Probe:
		fields = append(fields, g.detachDearest()...)
	}
	g.m.log.Warn("The receiver is over its budget: "+s.String(), fields...)
	g.report(fmt.Errorf("the receiver is over its budget of %s: %s", by, s))
}

// takeUp undoes the last step.
func (g *governor) takeUp(s limits.Step, by limits.Resource, part float64) {
	g.level--
	var err error
	switch s.Kind {
	case limits.Sampling:
		g.shedding.Drop = 0
		if g.level > 0 {
			g.shedding.Drop = g.steps[g.level-1].Drop
		}
		g.tell()
	case limits.Content:
		g.shedding.Bare = false
		g.tell()
	default:
		last := len(g.undo) - 1
		err = g.undo[last]()
		g.undo = g.undo[:last]
	}
	fields := []zap.Field{zap.String("resource", string(by)), zap.Float64("part_of_budget", round(part)), zap.String("step", string(s.Kind))}
	if err != nil {
		g.m.log.Error("What was shed cannot be taken up again", append(fields, zap.Error(err))...)
	} else {
		g.m.log.Info("There is room again: this ends: "+s.String(), fields...)
	}
	if g.level == 0 {
		g.report(nil)
	}
}

func round(f float64) float64 { return float64(int64(f*100+0.5)) / 100 }

// report tells the status: err, or how it was before.
func (g *governor) report(err error) {
	last := g.m.reported
	if err == nil {
		g.m.status(last)
		return
	}
	g.m.status(componentstatus.NewEvent(componentstatus.StatusRecoverableError,
		componentstatus.WithError(errors.Join(last.Err(), err)), componentstatus.WithAttributes(last.Attributes())))
}

// tell hands the loops what their probes are to shed.
func (g *governor) tell() {
	s := g.shedding
	for _, l := range g.m.loops {
		l.shed.Store(&s)
		l.wake()
	}
}

// ignorer is the Daemon that tells the kernel which processes it observes.
type ignorer interface {
	Ignore(pid uint32, start uint64) error
	Observe(pid uint32, start, now uint64) error
}

// ignoreNoisiest lets the kernel leave out the process of which most records came.
func (g *governor) ignoreNoisiest() []zap.Field {
	p, records := g.m.noise.take()
	in, ok := g.m.processes.from.(ignorer)
	if p == nil || !ok {
		g.undo = append(g.undo, func() error { return nil })
		return []zap.Field{zap.String("process", "none: no records come of any")}
	}
	err := in.Ignore(p.PID, p.StartTime)
	g.undo = append(g.undo, func() error {
		return in.Observe(p.PID, p.StartTime, g.m.clock.Now())
	})
	return []zap.Field{zap.Uint32("pid", p.PID), zap.String("service", p.ServiceName), zap.Uint64("records", records), zap.Error(err)}
}

// detachDearest detaches the probe whose programs took most time, or the last one if nothing is
// known of that.
func (g *governor) detachDearest() []zap.Field {
	var dearest *unit
	for _, u := range g.m.detachable() {
		if len(u.attached) > 0 && (dearest == nil || g.use.of(u) >= g.use.of(dearest)) {
			dearest = u
		}
	}
	if dearest == nil {
		g.undo = append(g.undo, func() error { return nil })
		return []zap.Field{zap.String("probe", "none is left")}
	}
	err := dearest.detach()
	g.undo = append(g.undo, func() error { return dearest.attach(context.Background()) })
	return []zap.Field{zap.String("probe", dearest.name), zap.Error(err)}
}
