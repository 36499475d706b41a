// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ebpfreceiver/ebpfreceiver/internal/metadata"
)

func TestSwitches(t *testing.T) {
	cfg := &Config{ResourceAttributes: metadata.DefaultResourceAttributesConfig(), Events: metadata.DefaultEventsConfig()}
	cfg.ResourceAttributes.ProcessPid.Enabled = false
	cfg.Events.ProcessExec.Enabled = false
	var (
		traces  consumertest.TracesSink
		metrics consumertest.MetricsSink
		logs    consumertest.LogsSink
	)
	set := engineSettings{Config: cfg, Traces: &traces, Metrics: &metrics, Logs: &logs}
	set.applySwitches()
	fill := func(r pcommon.Resource) {
		r.Attributes().PutInt("process.pid", 17)
		r.Attributes().PutStr("service.name", "checkout")
	}
	want := map[string]any{"service.name": "checkout"}

	td := ptrace.NewTraces()
	fill(td.ResourceSpans().AppendEmpty().Resource())
	require.NoError(t, set.Traces.ConsumeTraces(t.Context(), td))
	assert.Equal(t, want, traces.AllTraces()[0].ResourceSpans().At(0).Resource().Attributes().AsRaw())

	md := pmetric.NewMetrics()
	fill(md.ResourceMetrics().AppendEmpty().Resource())
	require.NoError(t, set.Metrics.ConsumeMetrics(t.Context(), md))
	assert.Equal(t, want, metrics.AllMetrics()[0].ResourceMetrics().At(0).Resource().Attributes().AsRaw())

	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	fill(rl.Resource())
	records := rl.ScopeLogs().AppendEmpty().LogRecords()
	records.AppendEmpty().SetEventName("process.exec")
	require.NoError(t, set.Logs.ConsumeLogs(t.Context(), ld))
	assert.Empty(t, logs.AllLogs(), "nothing is left")

	records.AppendEmpty().SetEventName("process.exec")
	records.AppendEmpty().SetEventName("process.exit")
	require.NoError(t, set.Logs.ConsumeLogs(t.Context(), ld))
	got := logs.AllLogs()[0].ResourceLogs().At(0)
	assert.Equal(t, want, got.Resource().Attributes().AsRaw())
	require.Equal(t, 1, got.ScopeLogs().At(0).LogRecords().Len())
	assert.Equal(t, "process.exit", got.ScopeLogs().At(0).LogRecords().At(0).EventName())
}

func TestSwitchesWithoutPipelines(t *testing.T) {
	set := engineSettings{Config: &Config{}}
	set.applySwitches()
	assert.Nil(t, set.Traces)
	assert.Nil(t, set.Metrics)
	assert.Nil(t, set.Logs)
}
