// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package emit

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/featuregate"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/xpdata/pref"
)

// usePooling turns the gate on until the test's end.
func usePooling(t testing.TB) {
	const gate = "pdata.useProtoPooling"
	require.NoError(t, featuregate.GlobalRegistry().Set(gate, true))
	t.Cleanup(func() { require.NoError(t, featuregate.GlobalRegistry().Set(gate, false)) })
}

// owning does what the service does around each consumer of a receiver.
func owning(t testing.TB, next consumer.Traces) consumer.Traces {
	return traceConsumer(t, func(ctx context.Context, td ptrace.Traces) error {
		if pref.MarkPipelineOwnedTraces(td) {
			defer pref.UnrefTraces(td)
		}
		return next.ConsumeTraces(ctx, td)
	})
}

func TestRetryWithPooledData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		usePooling(t)
		var names []string
		attempts := 0
		s := newSender(t, func(set *SenderSettings) {
			set.Traces = owning(t, traceConsumer(t, func(_ context.Context, td ptrace.Traces) error {
				if attempts++; attempts < 3 {
					return errors.New("busy")
				}
				for _, r := range td.ResourceSpans().All() {
					for _, span := range r.ScopeSpans().At(0).Spans().All() {
						name, _ := r.Resource().Attributes().Get("service.name")
						names = append(names, name.Str()+"/"+span.Name())
					}
				}
				return nil
			}))
		})
		s.Start()
		b := NewBatcher(s, DefaultBatchConfig("v"))
		e := b.Emitter(scopeHTTP)
		p := process("a")
		emitSpans(b, e, p, 1)
		synctest.Wait()
		e.Span(p).SetName("y") // takes from the pool while the first batch waits
		b.Flush()
		time.Sleep(time.Minute)
		assert.Equal(t, Totals{Emitted: 2, Delivered: 2}, s.Account(scopeHTTP).Traces.Totals())
		require.NoError(t, s.Shutdown(context.Background()))
		assert.Equal(t, []string{"a/x", "a/y"}, names)
	})
}
