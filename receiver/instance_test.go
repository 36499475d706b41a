// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package receiver

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/goleak"

	"github.com/ebpfreceiver/ebpfreceiver/internal/metadata"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// fakeEngine counts what is done to it.
type fakeEngine struct {
	set               engineSettings
	startErr, stopErr error
	starts, stops     int
	onStart           func(*fakeEngine)
	blockStop         chan struct{}
}

func (e *fakeEngine) Start(context.Context) error {
	e.starts++
	if e.onStart != nil {
		e.onStart(e)
	}
	return e.startErr
}

func (e *fakeEngine) Shutdown(ctx context.Context) error {
	e.stops++
	if e.blockStop != nil {
		close(e.blockStop)
		<-ctx.Done()
		return ctx.Err()
	}
	return e.stopErr
}

// withEngines lets the factory make the engines in turn.
func withEngines(engines ...*fakeEngine) Option {
	return func(f *factory) {
		f.newEngine = func(set engineSettings) (engine, error) {
			e := engines[0]
			engines = engines[1:]
			e.set = set
			return e, nil
		}
	}
}

func createAll(t *testing.T, f receiver.Factory, cfg component.Config) []component.Component {
	t.Helper()
	set := receivertest.NewNopSettings(metadata.Type)
	traces, err := f.CreateTraces(t.Context(), set, cfg, consumertest.NewNop())
	require.NoError(t, err)
	metrics, err := f.CreateMetrics(t.Context(), set, cfg, consumertest.NewNop())
	require.NoError(t, err)
	logs, err := f.CreateLogs(t.Context(), set, cfg, consumertest.NewNop())
	require.NoError(t, err)
	return []component.Component{traces, metrics, logs}
}

func TestInstanceIsShared(t *testing.T) {
	e := &fakeEngine{}
	f := NewFactory(testProbes(), withEngines(e))
	all := createAll(t, f, f.CreateDefaultConfig())
	for _, c := range all {
		require.NoError(t, c.Start(t.Context(), componenttest.NewNopHost()))
	}
	assert.NotNil(t, e.set.Traces)
	assert.NotNil(t, e.set.Metrics)
	assert.NotNil(t, e.set.Logs)
	for range 2 {
		for _, c := range all {
			require.NoError(t, c.Shutdown(t.Context()))
		}
	}
	assert.Equal(t, 1, e.starts)
	assert.Equal(t, 1, e.stops)
}

func TestInstanceOfOneSignal(t *testing.T) {
	e := &fakeEngine{}
	f := NewFactory(testProbes(), withEngines(e))
	logs, err := f.CreateLogs(t.Context(), receivertest.NewNopSettings(metadata.Type), f.CreateDefaultConfig(), consumertest.NewNop())
	require.NoError(t, err)
	require.NoError(t, logs.Start(t.Context(), componenttest.NewNopHost()))
	assert.Nil(t, e.set.Traces)
	assert.Nil(t, e.set.Metrics)
	assert.NotNil(t, e.set.Logs)
	require.NoError(t, logs.Shutdown(t.Context()))
}

func TestTwoReceiversSideBySide(t *testing.T) {
	e1, e2 := &fakeEngine{}, &fakeEngine{}
	f := NewFactory(testProbes(), withEngines(e1, e2))
	first := createAll(t, f, f.CreateDefaultConfig())
	second := createAll(t, f, f.CreateDefaultConfig())
	require.NoError(t, first[0].Start(t.Context(), componenttest.NewNopHost()))
	require.NoError(t, second[0].Start(t.Context(), componenttest.NewNopHost()))
	require.NoError(t, first[0].Shutdown(t.Context()))
	assert.Equal(t, 1, e1.stops)
	assert.Equal(t, 0, e2.stops)
	require.NoError(t, second[0].Shutdown(t.Context()))
	assert.Equal(t, 1, e2.stops)
}

func TestShutdownBeforeStart(t *testing.T) {
	e := &fakeEngine{}
	f := NewFactory(testProbes(), withEngines(e))
	cfg := f.CreateDefaultConfig()
	all := createAll(t, f, cfg)
	require.NoError(t, all[0].Shutdown(t.Context()))
	require.NoError(t, all[1].Shutdown(t.Context()))
	require.Error(t, all[0].Start(t.Context(), componenttest.NewNopHost()))
	assert.Equal(t, 0, e.starts)

	// The same configuration gives a new instance after that.
	again := createAll(t, f, cfg)
	require.NoError(t, again[0].Start(t.Context(), componenttest.NewNopHost()))
	require.NoError(t, again[0].Shutdown(t.Context()))
	assert.Equal(t, 1, e.starts)
}

func TestStartFails(t *testing.T) {
	e := &fakeEngine{startErr: errors.New("kprobes are not compiled into this kernel")}
	f := NewFactory(testProbes(), withEngines(e))
	all := createAll(t, f, f.CreateDefaultConfig())
	for _, c := range all {
		require.ErrorIs(t, c.Start(t.Context(), componenttest.NewNopHost()), e.startErr)
	}
	for _, c := range all {
		require.NoError(t, c.Shutdown(t.Context()))
	}
	assert.Equal(t, 1, e.starts)
	assert.Equal(t, 0, e.stops, "a failed Start undoes itself")
}

func TestSignalCannotJoin(t *testing.T) {
	e := &fakeEngine{}
	f := NewFactory(testProbes(), withEngines(e))
	cfg := f.CreateDefaultConfig()
	set := receivertest.NewNopSettings(metadata.Type)
	traces, err := f.CreateTraces(t.Context(), set, cfg, consumertest.NewNop())
	require.NoError(t, err)
	_, err = f.CreateTraces(t.Context(), set, cfg, consumertest.NewNop())
	require.EqualError(t, err, "the ebpf receiver already has a consumer of traces")
	require.NoError(t, traces.Start(t.Context(), componenttest.NewNopHost()))
	_, err = f.CreateLogs(t.Context(), set, cfg, consumertest.NewNop())
	require.ErrorIs(t, err, errStarted)
	require.NoError(t, traces.Shutdown(t.Context()))
	_, err = f.CreateTraces(t.Context(), set, struct{}{}, consumertest.NewNop())
	require.ErrorContains(t, err, "configuration of type struct {}")
}

func TestSecondShutdownHonoursItsDeadline(t *testing.T) {
	e := &fakeEngine{blockStop: make(chan struct{})}
	f := NewFactory(testProbes(), withEngines(e))
	all := createAll(t, f, f.CreateDefaultConfig())
	require.NoError(t, all[0].Start(t.Context(), componenttest.NewNopHost()))
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error)
	go func() { first <- all[0].Shutdown(ctx) }()
	<-e.blockStop
	over, done := context.WithCancel(t.Context())
	done()
	require.ErrorIs(t, all[1].Shutdown(over), context.Canceled)
	cancel()
	require.ErrorIs(t, <-first, context.Canceled)
	require.ErrorIs(t, all[2].Shutdown(t.Context()), context.Canceled, "the answer of the first")
}

type reportingHost struct {
	component.Host
	events []*componentstatus.Event
}

func (h *reportingHost) Report(e *componentstatus.Event) { h.events = append(h.events, e) }

func TestStatusIsReportedOnChange(t *testing.T) {
	degraded := func() *componentstatus.Event {
		return componentstatus.NewRecoverableErrorEvent(errors.New("http: kprobes are not compiled into this kernel"))
	}
	e := &fakeEngine{onStart: func(e *fakeEngine) {
		e.set.ReportStatus(degraded())
		e.set.ReportStatus(degraded())
	}}
	f := NewFactory(testProbes(), withEngines(e))
	all := createAll(t, f, f.CreateDefaultConfig())
	hosts := []*reportingHost{{Host: componenttest.NewNopHost()}, {Host: componenttest.NewNopHost()}, {Host: componenttest.NewNopHost()}}
	for i, c := range all {
		require.NoError(t, c.Start(t.Context(), hosts[i]))
	}
	for _, h := range hosts {
		require.Len(t, h.events, 1, "each host hears it once, also one that starts later")
		assert.Equal(t, componentstatus.StatusRecoverableError, h.events[0].Status())
	}
	e.set.ReportStatus(componentstatus.NewEvent(componentstatus.StatusOK))
	e.set.ReportStatus(componentstatus.NewEvent(componentstatus.StatusOK))
	for _, h := range hosts {
		require.Len(t, h.events, 2)
	}
	require.NoError(t, all[0].Shutdown(t.Context()))
	e.set.ReportStatus(degraded())
	for _, h := range hosts {
		require.Len(t, h.events, 2, "after Shutdown the collector tells the status")
	}
}
