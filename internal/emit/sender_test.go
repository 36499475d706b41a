// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package emit

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/ebpfreceiver/ebpfreceiver/internal/metadata"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

const scopeHTTP = "github.com/ebpfreceiver/ebpfreceiver/http"

func process(name string) *probe.ProcessInfo {
	res := pcommon.NewResource()
	res.Attributes().PutStr("service.name", name)
	return &probe.ProcessInfo{Resource: res, ServiceName: name}
}

func newSender(t testing.TB, change func(*SenderSettings)) *Sender {
	t.Helper()
	set := SenderSettings{Receiver: receivertest.NewNopSettings(metadata.Type), Retry: DefaultRetryConfig()}
	change(&set)
	s, err := NewSender(set)
	require.NoError(t, err)
	return s
}

func traceConsumer(t testing.TB, f consumer.ConsumeTracesFunc) consumer.Traces {
	t.Helper()
	c, err := consumer.NewTraces(f)
	require.NoError(t, err)
	return c
}

// emitSpans emits n spans in one batch.
func emitSpans(b *Batcher, e probe.Emitter, p *probe.ProcessInfo, n int) {
	for range n {
		e.Span(p).SetName("x")
	}
	b.Flush()
}

func TestRetryUntilAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Time
		s := newSender(t, func(set *SenderSettings) {
			set.Traces = traceConsumer(t, func(_ context.Context, td ptrace.Traces) error {
				assert.Equal(t, 3, td.SpanCount())
				if at = append(at, time.Now()); len(at) <= 4 {
					return errors.New("busy")
				}
				return nil
			})
		})
		s.Start()
		b := NewBatcher(s, DefaultBatchConfig("v"))
		emitSpans(b, b.Emitter(scopeHTTP), process("a"), 3)
		tally := &s.Account(scopeHTTP).Traces
		synctest.Wait()
		assert.Equal(t, Totals{Emitted: 3, InFlight: 3}, tally.Totals())
		time.Sleep(time.Minute)
		assert.Equal(t, Totals{Emitted: 3, Delivered: 3}, tally.Totals())
		require.Len(t, at, 5)
		mean := DefaultRetryConfig().InitialInterval
		for i := 1; i < len(at); i++ {
			pause := at[i].Sub(at[i-1])
			assert.GreaterOrEqual(t, pause, mean/2)
			assert.LessOrEqual(t, pause, mean+mean/2+1)
			mean += mean / 2
		}
		require.NoError(t, s.Shutdown(context.Background()))
	})
}

func TestRetryEndsAfterMaxElapsedTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.WarnLevel)
		attempts := 0
		s := newSender(t, func(set *SenderSettings) {
			set.Receiver.Logger = zap.New(core)
			set.Retry.MaxElapsedTime = time.Second
			set.Traces = traceConsumer(t, func(context.Context, ptrace.Traces) error {
				attempts++
				return errors.New("busy")
			})
		})
		s.Start()
		b := NewBatcher(s, DefaultBatchConfig("v"))
		e := b.Emitter(scopeHTTP)
		emitSpans(b, e, process("a"), 2)
		emitSpans(b, e, process("a"), 2)
		time.Sleep(5 * time.Second)
		assert.Equal(t, Totals{Emitted: 4, Refused: 4}, s.Account(scopeHTTP).Traces.Totals())
		assert.Greater(t, attempts, 4)
		assert.Equal(t, 1, logs.Len(), "one line a minute")
		require.NoError(t, s.Shutdown(context.Background()))
	})
}

func TestPermanentErrorDropsByProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		s := newSender(t, func(set *SenderSettings) {
			set.Traces = traceConsumer(t, func(context.Context, ptrace.Traces) error {
				attempts++
				return consumererror.NewPermanent(errors.New("never"))
			})
		})
		s.Start()
		b := NewBatcher(s, DefaultBatchConfig("v"))
		http, redis := b.Emitter("http"), b.Emitter("redis")
		http.Span(process("a"))
		redis.Span(process("a"))
		redis.Span(process("b"))
		b.Flush()
		synctest.Wait()
		assert.Equal(t, 1, attempts)
		assert.Equal(t, Totals{Emitted: 1, Refused: 1}, s.Account("http").Traces.Totals())
		assert.Equal(t, Totals{Emitted: 2, Refused: 2}, s.Account("redis").Traces.Totals())
		require.NoError(t, s.Shutdown(context.Background()))
	})
}

// A pipeline that panics costs what it was given, which is counted, and nothing after that.
func TestPanickingPipelineCostsItsBatchAlone(t *testing.T) {
	core, logs := observer.New(zap.ErrorLevel)
	calls := 0
	s := newSender(t, func(set *SenderSettings) {
		set.Receiver.Logger = zap.New(core)
		set.Traces = traceConsumer(t, func(context.Context, ptrace.Traces) error {
			if calls++; calls == 2 {
				panic("a mistake of somebody else")
			}
			return nil
		})
	})
	s.Start()
	b := NewBatcher(s, DefaultBatchConfig("v"))
	e := b.Emitter(scopeHTTP)
	for n := range 3 {
		emitSpans(b, e, process("a"), n+1)
	}
	require.NoError(t, s.Shutdown(t.Context()))
	assert.Equal(t, Totals{Emitted: 6, Delivered: 4, Refused: 2}, s.Account(scopeHTTP).Traces.Totals())
	require.Equal(t, 1, logs.Len())
	assert.Contains(t, logs.All()[0].ContextMap()["stack"], "TestPanickingPipeline")
}

func TestPartialErrorRetriesTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sizes []int
		c, err := consumer.NewLogs(func(_ context.Context, ld plog.Logs) error {
			sizes = append(sizes, ld.LogRecordCount())
			if len(sizes) > 1 {
				return nil
			}
			rest := plog.NewLogs()
			ld.ResourceLogs().At(0).CopyTo(rest.ResourceLogs().AppendEmpty())
			return consumererror.NewLogs(errors.New("half"), rest)
		})
		require.NoError(t, err)
		s := newSender(t, func(set *SenderSettings) { set.Logs = c })
		s.Start()
		b := NewBatcher(s, DefaultBatchConfig("v"))
		e := b.Emitter("process")
		e.LogRecord(process("a"))
		e.LogRecord(process("b"))
		b.Flush()
		synctest.Wait()
		tally := &s.Account("process").Logs
		assert.Equal(t, Totals{Emitted: 2, Delivered: 1, InFlight: 1}, tally.Totals())
		time.Sleep(time.Second)
		assert.Equal(t, Totals{Emitted: 2, Delivered: 2}, tally.Totals())
		assert.Equal(t, []int{2, 1}, sizes)
		require.NoError(t, s.Shutdown(context.Background()))
	})
}

func TestFlushBlocksUntilInterrupt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSender(t, func(set *SenderSettings) {
			set.Queue = 1
			set.Traces = traceConsumer(t, func(context.Context, ptrace.Traces) error { return errors.New("busy") })
		})
		s.Start()
		b := NewBatcher(s, DefaultBatchConfig("v"))
		e := b.Emitter(scopeHTTP)
		flushed := 0
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range 5 {
				emitSpans(b, e, process("a"), 1)
				flushed++
			}
		}()
		synctest.Wait()
		assert.Equal(t, 2, flushed, "one with the goroutine, one in the queue, the third blocks")
		begin := time.Now()
		s.Interrupt(context.Background())
		<-done
		require.NoError(t, s.Shutdown(context.Background()))
		assert.Less(t, time.Since(begin), time.Millisecond, "no pause after Interrupt")
		assert.Equal(t, Totals{Emitted: 5, Refused: 5}, s.Account(scopeHTTP).Traces.Totals())
	})
}

func TestShutdownDeadlineWithStuckConsumer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := newSender(t, func(set *SenderSettings) {
			set.Queue = 2
			set.Traces = traceConsumer(t, func(context.Context, ptrace.Traces) error {
				<-release
				return nil
			})
		})
		s.Start()
		b := NewBatcher(s, DefaultBatchConfig("v"))
		e := b.Emitter(scopeHTTP)
		for range 3 {
			emitSpans(b, e, process("a"), 2)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		err := s.Shutdown(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "6 items")
		tally := &s.Account(scopeHTTP).Traces
		assert.Equal(t, Totals{Emitted: 6, Refused: 6}, tally.Totals())
		close(release)
		synctest.Wait()
		assert.Equal(t, Totals{Emitted: 6, Refused: 6}, tally.Totals(), "a late success changes no count")
		emitSpans(b, e, process("a"), 1)
		assert.Equal(t, Totals{Emitted: 7, Refused: 7}, tally.Totals(), "refused after Shutdown")
	})
}

func TestShutdownDeliversTheQueue(t *testing.T) {
	sink := new(consumertest.TracesSink)
	s := newSender(t, func(set *SenderSettings) { set.Traces = sink })
	b := NewBatcher(s, DefaultBatchConfig("v"))
	e := b.Emitter(scopeHTTP)
	for range 3 {
		emitSpans(b, e, process("a"), 10)
	}
	s.Start()
	require.NoError(t, s.Shutdown(context.Background()))
	assert.Equal(t, 30, sink.SpanCount())
	require.NoError(t, s.Shutdown(context.Background()), "twice is allowed")
}

func TestShutdownWithoutStart(t *testing.T) {
	s := newSender(t, func(set *SenderSettings) { set.Traces = new(consumertest.TracesSink) })
	b := NewBatcher(s, DefaultBatchConfig("v"))
	emitSpans(b, b.Emitter(scopeHTTP), process("a"), 1)
	require.ErrorContains(t, s.Shutdown(context.Background()), "1 items")
	assert.Equal(t, Totals{Emitted: 1, Refused: 1}, s.Account(scopeHTTP).Traces.Totals())
}

// The sum of an account holds at every moment, with several goroutines and a
// consumer that refuses now and then.
func TestAccountsBalance(t *testing.T) {
	var mu sync.Mutex
	calls, delivered := 0, 0
	s := newSender(t, func(set *SenderSettings) {
		set.Retry.InitialInterval = time.Microsecond
		set.Traces = traceConsumer(t, func(_ context.Context, td ptrace.Traces) error {
			mu.Lock()
			defer mu.Unlock()
			switch calls++; {
			case calls%7 == 0:
				return consumererror.NewPermanent(errors.New("never"))
			case calls%3 == 0:
				return errors.New("busy")
			}
			delivered += td.SpanCount()
			return nil
		})
	})
	s.Start()
	stop := make(chan struct{})
	var watch, loops sync.WaitGroup
	watch.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				got := s.Account(scopeHTTP).Traces.Totals()
				if got.InFlight > got.Emitted {
					t.Error("more in flight than emitted", got)
					return
				}
			}
		}
	})
	for range 2 {
		loops.Go(func() {
			b := NewBatcher(s, BatchConfig{Size: 16, FlushInterval: time.Second})
			e := b.Emitter(scopeHTTP)
			p := process("a")
			for range 1000 {
				e.Span(p)
			}
			b.Flush()
		})
	}
	loops.Wait()
	require.NoError(t, s.Shutdown(context.Background()))
	close(stop)
	watch.Wait()
	got := s.Account(scopeHTTP).Traces.Totals()
	assert.EqualValues(t, 2000, got.Emitted)
	assert.EqualValues(t, delivered, got.Delivered)
	assert.Positive(t, got.Refused)
	assert.Zero(t, got.InFlight)
}
