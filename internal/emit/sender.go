// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package emit

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
)

// SenderSettings are given to NewSender.
type SenderSettings struct {
	Receiver receiver.Settings
	// The consumers of the pipelines. Nil means that there is no pipeline.
	Traces  consumer.Traces
	Logs    consumer.Logs
	Metrics consumer.Metrics
	Retry   RetryConfig
	// Queue is the number of batches of each signal that wait at most. 0 means 4.
	Queue int
}

// Sender gives batches to the pipelines, on one goroutine for each signal.
type Sender struct {
	retry   RetryConfig
	traces  *tracesWorker
	logs    *logsWorker
	metrics *metricsWorker

	// ctx is the one of all calls of consumers; it ends with the shutdown's deadline.
	ctx    context.Context
	cancel context.CancelFunc
	// closing ends the retries, finish the goroutines.
	closing, finish         chan struct{}
	closingOnce, finishOnce sync.Once
	running                 sync.WaitGroup

	mu       sync.Mutex
	accounts map[string]*Account
}

// NewSender makes a Sender. Start starts it.
func NewSender(set SenderSettings) (*Sender, error) {
	obs, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{
		ReceiverID:             set.Receiver.ID,
		ReceiverCreateSettings: set.Receiver,
		LongLivedCtx:           true,
	})
	if err != nil {
		return nil, fmt.Errorf("the receiver's own metrics cannot be made: %w", err)
	}
	if set.Queue == 0 {
		set.Queue = 4
	}
	s := &Sender{
		retry:    set.Retry,
		closing:  make(chan struct{}),
		finish:   make(chan struct{}),
		accounts: map[string]*Account{},
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	log := set.Receiver.Logger
	if set.Traces != nil {
		s.traces = newTracesWorker(s, set.Traces, obs, log, set.Queue)
	}
	if set.Logs != nil {
		s.logs = newLogsWorker(s, set.Logs, obs, log, set.Queue)
	}
	if set.Metrics != nil {
		s.metrics = newMetricsWorker(s, set.Metrics, obs, log, set.Queue)
	}
	return s, nil
}

// Account returns the account of the scope, a new one at the first call.
func (s *Sender) Account(scope string) *Account {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.accounts[scope]
	if a == nil {
		a = &Account{}
		s.accounts[scope] = a
	}
	return a
}

// Start starts the goroutines. It is called once.
func (s *Sender) Start() {
	for _, w := range s.workers() {
		s.running.Go(w.run)
	}
}

// Interrupt announces the shutdown: no batch is retried any more, each gets one
// attempt, and none after ctx is done. So no Flush blocks for longer than that.
func (s *Sender) Interrupt(ctx context.Context) {
	s.closingOnce.Do(func() { close(s.closing) })
	context.AfterFunc(ctx, s.cancel)
}

// Shutdown sends what is in the queue and ends the goroutines. When ctx is
// done before that, what was not delivered counts as refused and an error says
// how much. A consumer that does not return keeps its goroutine. Later batches
// are refused. Shutdown may be called again, and without Start.
func (s *Sender) Shutdown(ctx context.Context) error {
	s.Interrupt(ctx)
	s.finishOnce.Do(func() { close(s.finish) })
	done := make(chan struct{})
	go func() {
		s.running.Wait()
		close(done)
	}()
	late := false
	select {
	case <-done:
	case <-ctx.Done():
		late = true
	}
	s.cancel()
	var refused uint64
	for _, w := range s.workers() {
		refused += w.close()
	}
	if refused == 0 && !late {
		return nil
	}
	err := ctx.Err()
	if err == nil {
		err = errors.New("it was not running")
	}
	if refused == 0 {
		return fmt.Errorf("a pipeline had not returned when the time to shut down was over: %w", err)
	}
	return fmt.Errorf("the sender dropped %d items at shutdown: %w", refused, err)
}

type runner interface {
	run()
	close() uint64
}

func (s *Sender) workers() []runner {
	var all []runner
	if s.traces != nil {
		all = append(all, s.traces)
	}
	if s.logs != nil {
		all = append(all, s.logs)
	}
	if s.metrics != nil {
		all = append(all, s.metrics)
	}
	return all
}
