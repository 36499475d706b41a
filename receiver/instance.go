// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"

	"github.com/ebpfreceiver/ebpfreceiver/internal/kernel"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// engine does the work of an instance. It is made at Start and used once.
type engine interface {
	// Start returns soon, does not keep ctx, and leaves nothing when it fails.
	Start(ctx context.Context) error
	// Shutdown is called once, after a Start that succeeded.
	Shutdown(ctx context.Context) error
}

// engineSettings are given to an engine. A nil consumer means no pipeline.
type engineSettings struct {
	Receiver     receiver.Settings
	Config       *Config
	Traces       consumer.Traces
	Metrics      consumer.Metrics
	Logs         consumer.Logs
	ReportStatus func(*componentstatus.Event)
}

// factory makes one instance for each configuration. The collector gives the
// same pointer for all signals of one receiver, so the pointer is the key.
type factory struct {
	probes       map[string]probe.Factory // read-only after NewFactory
	deprecations []deprecation            // read-only, too
	newEngine    func(engineSettings) (engine, error)
	held         func() (kernel.Capabilities, error)
	drop         func([]kernel.Capability) ([]kernel.Capability, error)

	mu        sync.Mutex
	instances map[*Config]*instance
}

// create makes the instance of cfg or finds it, and lets the caller put its
// consumer into it.
func (f *factory) create(set receiver.Settings, cfg component.Config, add func(*instance) error) (*instance, error) {
	if err := checkPlatform(); err != nil {
		return nil, err
	}
	c, ok := cfg.(*Config)
	if !ok {
		return nil, fmt.Errorf("the ebpf receiver was given a configuration of type %T", cfg)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	i := f.instances[c]
	if i == nil {
		i = &instance{factory: f, done: make(chan struct{})}
		i.set = engineSettings{Receiver: set, Config: c, ReportStatus: i.status.report}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.state != created {
		return nil, errStarted
	}
	if err := add(i); err != nil {
		return nil, err
	}
	f.instances[c] = i
	return i, nil
}

// join sets the consumer of a signal, which must not have one.
func join[C comparable](slot *C, next C, signal string) error {
	var none C
	if *slot != none {
		return fmt.Errorf("the ebpf receiver already has a consumer of %s", signal)
	}
	*slot = next
	return nil
}

func (f *factory) forget(i *instance) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.instances[i.set.Config] == i {
		delete(f.instances, i.set.Config)
	}
}

type state uint8

const (
	created state = iota
	started       // Start was called, with or without success
	stopped
)

var errStarted = errors.New("the ebpf receiver has started: no signal can be added to it")

// instance is one receiver. The pipelines of all its signals share it: the
// first Start starts it, the first Shutdown ends it, the others get the same answer.
type instance struct {
	factory *factory
	set     engineSettings // complete when Start is called
	status  status

	mu       sync.Mutex
	state    state
	engine   engine // nil unless it runs
	startErr error

	done    chan struct{} // closed when the engine has stopped
	stopErr error         // read it after done
}

// Start starts the engine at the first call. It does not keep ctx.
func (i *instance) Start(ctx context.Context, host component.Host) error {
	i.status.join(host)
	first, err := i.start(ctx)
	if !first || err != nil {
		return err
	}
	if err := i.factory.dropCapabilities(i); err != nil {
		return errors.Join(err, i.Shutdown(ctx))
	}
	return nil
}

// start starts the engine, if that was not done before.
func (i *instance) start(ctx context.Context) (first bool, err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	switch i.state {
	case started:
		return false, i.startErr
	case stopped:
		return false, errors.New("the ebpf receiver was shut down and cannot start again")
	}
	i.state = started
	if err := i.factory.checkCapabilities(i.set.Config); err != nil {
		i.startErr = err
		return true, err
	}
	i.set.Config.warnDeprecated(i.set.Receiver.Logger)
	e, err := i.factory.newEngine(i.set)
	if err == nil {
		err = e.Start(ctx)
	}
	if err != nil {
		i.startErr = err
		return true, err
	}
	i.engine = e
	return true, nil
}

// Shutdown stops the engine at the first call. Later calls wait for that, but
// not longer than ctx.
func (i *instance) Shutdown(ctx context.Context) error {
	i.mu.Lock()
	first := i.state != stopped
	i.state = stopped
	e := i.engine
	i.engine = nil
	i.mu.Unlock()
	if first {
		i.status.close()
		if e != nil {
			i.stopErr = e.Shutdown(ctx)
		}
		i.factory.forget(i)
		close(i.done)
		return i.stopErr
	}
	select {
	case <-i.done:
		return i.stopErr
	case <-ctx.Done():
		return ctx.Err()
	}
}
