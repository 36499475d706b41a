// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"
	"go.uber.org/zap"

	"github.com/ebpfreceiver/ebpfreceiver/internal/emit"
	"github.com/ebpfreceiver/ebpfreceiver/internal/kernel"
	"github.com/ebpfreceiver/ebpfreceiver/internal/limits"
	"github.com/ebpfreceiver/ebpfreceiver/internal/metadata"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// Config is what the manager takes of the receiver's configuration.
type Config struct {
	// CollectionInterval is the time between two collections of metrics.
	CollectionInterval time.Duration
	// FailUnsupported makes Start fail when a probe cannot run.
	FailUnsupported bool
	// Probes holds the configurations of the chosen probes by name.
	Probes map[string]any
	// Requested tells that they were configured, and are not the defaults.
	Requested bool
	// Variants forces variants by the name of the probe.
	Variants map[string]string
	// KeepInstrumented tells to make spans also of processes that export spans by themselves.
	KeepInstrumented bool
	// Limits say how much the receiver may use.
	Limits limits.Config
	// Selection is given to the probes.
	Selection any
	// Retry says how refused telemetry is sent again.
	Retry emit.RetryConfig
	// Version is that of the receiver.
	Version string
}

// Settings are given to New. A nil consumer means that there is no pipeline.
type Settings struct {
	Receiver     receiver.Settings
	Factories    []probe.Factory
	Config       Config
	Traces       consumer.Traces
	Metrics      consumer.Metrics
	Logs         consumer.Logs
	ReportStatus func(*componentstatus.Event)
}

// Manager runs the probes of one receiver. It is used once.
type Manager struct {
	set       Settings
	log       *zap.Logger
	began     time.Time
	clock     *clock
	kernel    *kernel.Kernel // until all is loaded
	sender    *emit.Sender
	telemetry *metadata.TelemetryBuilder
	processes directory
	losses    *lossLog
	usage     *usage    // nil without a budget
	governor  *governor // nil without a budget
	noise     noise
	reported  *componentstatus.Event // how the start went
	admit     func(*probe.ProcessInfo) bool

	order []*unit
	units map[string]*unit
	left  []omitted
	loops []*loop
	stir  stir

	watch     sync.WaitGroup
	stopWatch chan struct{}
}

// New makes a manager. It does not touch the kernel.
func New(set Settings) *Manager {
	return &Manager{
		set:       set,
		log:       set.Receiver.Logger,
		began:     time.Now(),
		clock:     newClock(),
		units:     map[string]*unit{},
		stopWatch: make(chan struct{}),
	}
}

func (m *Manager) signals() probe.Signals {
	var s probe.Signals
	if m.set.Traces != nil {
		s |= probe.Traces
	}
	if m.set.Metrics != nil {
		s |= probe.Metrics
	}
	if m.set.Logs != nil {
		s |= probe.Logs
	}
	return s
}

// Start loads and attaches the probes and starts the loops. When it fails
// nothing is left. A probe that cannot run is left out, or fails Start if the
// configuration says so.
func (m *Manager) Start(ctx context.Context) (err error) {
	if m.order, m.left, err = plan(m.set.Factories, m.set.Config.Probes, m.set.Config.Requested, m.signals()); err != nil {
		return err
	}
	for _, u := range m.order {
		m.units[u.name] = u
	}
	if m.kernel, err = kernel.Running(ctx); err != nil {
		return fmt.Errorf("the kernel cannot be examined: %w", err)
	}
	m.liftMemlock()
	if rate := m.set.Config.Limits.ProcessSpans; rate > 0 {
		processes := limits.NewProcesses[*probe.ProcessInfo](rate, time.Now())
		m.admit = func(p *probe.ProcessInfo) bool { return processes.Admit(p, time.Now()) }
	}
	if m.sender, err = emit.NewSender(emit.SenderSettings{
		Receiver: m.set.Receiver,
		Traces:   m.set.Traces,
		Metrics:  m.set.Metrics,
		Logs:     m.set.Logs,
		Retry:    m.set.Config.Retry,
	}); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.undo())
		}
	}()
	m.shorten() // before anything that takes long
	if m.telemetry, err = metadata.NewTelemetryBuilder(m.set.Receiver.TelemetrySettings); err != nil {
		return err
	}
	if m.set.Config.Limits.Budgeted() {
		if m.usage, err = newUsage(m.order, m.set.Config.Limits.BPF > 0); err != nil {
			return err
		}
	}
	for _, u := range m.order {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("the start was cancelled: %w", err)
		}
		m.assign(u)
		m.load(ctx, u)
		if u.runs() {
			if err := m.enlist(u); err != nil {
				return err
			}
		}
	}
	if err := m.report(); err != nil {
		return err
	}
	if err := m.observe(); err != nil {
		return err
	}
	if m.usage != nil {
		m.governor = newGovernor(m, m.usage)
		if err := m.governor.observe(m.telemetry); err != nil {
			return err
		}
	}
	// The kernel's types and symbols take more memory than all that runs, and so does what
	// loading leaves behind, which would stay for minutes on a host at rest.
	m.kernel = nil
	debug.FreeOSMemory()
	m.sender.Start()
	for _, l := range m.loops {
		l.tickProbes(m.clock.Now())
	}
	for _, l := range m.loops {
		go l.run()
	}
	m.losses = newLossLog(m)
	m.watch.Go(m.losses.run)
	if m.governor != nil {
		m.watch.Go(m.governor.run)
	}
	return nil
}

// assign gives the unit its loop: that of the probe that it joins, one of its
// own, or that of the first probe that it depends on.
func (m *Manager) assign(u *unit) {
	if d := m.units[u.factory.Manifest.Joins]; d != nil {
		u.loop = d.loop
		return
	}
	if deps := u.factory.Manifest.DependsOn; !u.bringsObject() && len(deps) > 0 {
		u.loop = m.units[deps[0]].loop
		return
	}
	u.loop = newLoop(m, u.name)
}

// enlist puts a unit that runs into its loop.
func (m *Manager) enlist(u *unit) error {
	if p, ok := u.probe.(probe.Processes); ok {
		m.processes.set(p)
	}
	if len(u.loop.units) == 0 {
		m.loops = append(m.loops, u.loop)
	}
	u.loop.units = append(u.loop.units, u)
	return u.loop.open(u)
}

func (m *Manager) settings(u *unit) probe.Settings {
	return probe.Settings{
		Logger:             m.log.With(zap.String("probe", u.name)),
		Signals:            m.signals(),
		CollectionInterval: m.set.Config.CollectionInterval,
		Emit:               u.loop.batcher.Emitter(scope(u.name)),
		Processes:          &m.processes,
		Clock:              m.clock,
		Selection:          m.set.Config.Selection,
		KeepInstrumented:   m.set.Config.KeepInstrumented,
		Admit:              m.admit,
		TickIn:             u.loop.tickIn,
	}
}

// scope names the instrumentation scope of a probe.
func scope(name string) string { return metadata.ScopeName + "/" + name }

// Shutdown detaches the probes, hands on what they have, and unloads them. ctx
// bounds the handing on; what could not be handed on is counted and told.
func (m *Manager) Shutdown(ctx context.Context) error {
	defer m.lengthen()
	close(m.stopWatch)
	m.watch.Wait()
	m.sender.Interrupt(ctx)
	errs := []error{m.detach((*unit).bringsObject)}
	// Those that depend on others end first: they hand on what is in their rings.
	for _, l := range slices.Backward(m.loops) {
		l.halt(ctx)
		<-l.done
	}
	// The others hear of nothing more now: what was in the rings has reached them.
	errs = append(errs, m.detach(all), m.sender.Shutdown(ctx))
	m.losses.tell()
	return errors.Join(append(errs, m.unload())...)
}

// Pause detaches the programs and leaves them loaded: the observed programs pay
// nothing meanwhile. It is called between Start and Shutdown, not at the same
// time as another of these.
func (m *Manager) Pause() error { return m.detach((*unit).bringsObject) }

// Resume attaches the programs again. When it fails they are all detached.
func (m *Manager) Resume(ctx context.Context) error {
	for _, u := range m.order {
		if !u.runs() || !u.bringsObject() {
			continue
		}
		if err := u.attach(ctx); err != nil {
			return errors.Join(fmt.Errorf("attach %s: %w", u.name, err), m.Pause())
		}
	}
	return nil
}

// Pending gives the bytes that wait in the rings.
func (m *Manager) Pending() int {
	n := 0
	for _, l := range m.loops {
		n += l.pending()
	}
	return n
}

// undo ends a Start that failed. No loop runs yet.
func (m *Manager) undo() error {
	defer m.lengthen()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = m.sender.Shutdown(ctx) // it was never started and holds nothing
	return errors.Join(m.detach(all), m.unload())
}

func all(*unit) bool { return true }

// detachable are the units that can be detached while the others go on: all that bring an object
// but the one that follows processes.
func (m *Manager) detachable() []*unit {
	var units []*unit
	for _, u := range m.order {
		if _, follows := u.probe.(probe.Processes); u.runs() && u.bringsObject() && !follows {
			units = append(units, u)
		}
	}
	return units
}

// detach closes the attachments of the units that which chooses, last first.
func (m *Manager) detach(which func(*unit) bool) error {
	var errs []error
	for _, u := range slices.Backward(m.order) {
		if !which(u) {
			continue
		}
		if err := u.detach(); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// unload closes the rings and the probes, last first.
func (m *Manager) unload() error {
	var errs []error
	if m.telemetry != nil {
		m.telemetry.Shutdown()
	}
	for _, l := range slices.Backward(m.loops) {
		errs = append(errs, l.close())
	}
	for _, u := range slices.Backward(m.order) {
		errs = append(errs, u.release())
		if u.runs() {
			if err := u.probe.Close(); err != nil {
				errs = append(errs, fmt.Errorf("unload %s: %w", u.name, err))
			}
		}
	}
	if m.usage != nil {
		errs = append(errs, m.usage.close())
	}
	return errors.Join(errs...)
}
