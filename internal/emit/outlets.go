// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package emit

import (
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/xpdata/pref"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.uber.org/zap"
)

// The service releases pdata after the first attempt, and with
// pdata.useProtoPooling then puts it into pools. A reference of our own keeps
// it for the next attempt (see service/internal/refconsumer of the Collector).

type (
	tracesWorker  = worker[ptrace.Traces]
	logsWorker    = worker[plog.Logs]
	metricsWorker = worker[pmetric.Metrics]
)

func newTracesWorker(s *Sender, c consumer.Traces, obs *receiverhelper.ObsReport, log *zap.Logger, queue int) *tracesWorker {
	return newWorker(s, outlet[ptrace.Traces]{
		signal: "traces", consume: c.ConsumeTraces, count: countSpans,
		rest:   restOf[ptrace.Traces, consumererror.Traces],
		retain: pref.RefTraces, release: pref.UnrefTraces,
		startOp: obs.StartTracesOp, endOp: obs.EndTracesOp,
	}, log, queue)
}

func newLogsWorker(s *Sender, c consumer.Logs, obs *receiverhelper.ObsReport, log *zap.Logger, queue int) *logsWorker {
	return newWorker(s, outlet[plog.Logs]{
		signal: "logs", consume: c.ConsumeLogs, count: countLogRecords,
		rest:   restOf[plog.Logs, consumererror.Logs],
		retain: pref.RefLogs, release: pref.UnrefLogs,
		startOp: obs.StartLogsOp, endOp: obs.EndLogsOp,
	}, log, queue)
}

func newMetricsWorker(s *Sender, c consumer.Metrics, obs *receiverhelper.ObsReport, log *zap.Logger, queue int) *metricsWorker {
	return newWorker(s, outlet[pmetric.Metrics]{
		signal: "metrics", consume: c.ConsumeMetrics, count: countPoints,
		rest:   restOf[pmetric.Metrics, consumererror.Metrics],
		retain: pref.RefMetrics, release: pref.UnrefMetrics,
		startOp: obs.StartMetricsOp, endOp: obs.EndMetricsOp,
	}, log, queue)
}
