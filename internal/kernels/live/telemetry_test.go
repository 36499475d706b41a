// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package live

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// telemetry is where the receiver's pipelines end.
type telemetry struct {
	traces  consumertest.TracesSink
	metrics consumertest.MetricsSink
	logs    consumertest.LogsSink
	own     *componenttest.Telemetry
}

// lines writes each span, each metric point and each log record on a line with
// all its fields, sorted, without what differs from run to run: times, IDs and
// numbers that the kernel gives away, which become the name of what has them.
//
// Nor are parents compared, and the flag that tells of a remote one: a client's
// span is the parent of a server's only if it began before that, and to the
// nanosecond that is a matter of which of the two was interrupted.
//
// Only the newest point of a cumulative series counts.
func (s *telemetry) lines(w *workload) []string {
	var lines []string
	for _, td := range s.traces.AllTraces() {
		for _, rs := range td.ResourceSpans().All() {
			res := w.resource(rs.Resource())
			if res == "" {
				continue
			}
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					lines = append(lines, fmt.Sprintf("span %s scope=%s kind=%s name=%q status=%s:%q state=%q links=%d events=%d dropped=%d %s", res,
						ss.Scope().Name(), span.Kind(), span.Name(), span.Status().Code(), span.Status().Message(),
						span.TraceState().AsRaw(), span.Links().Len(), span.Events().Len(), span.DroppedAttributesCount(),
						w.attributes(span.Attributes())))
				}
			}
		}
	}
	for _, ld := range s.logs.AllLogs() {
		for _, rl := range ld.ResourceLogs().All() {
			res := w.resource(rl.Resource())
			if res == "" {
				continue
			}
			for _, sl := range rl.ScopeLogs().All() {
				for _, r := range sl.LogRecords().All() {
					// The Go runtime dies of a signal by sending it to itself once more, or twice.
					if text(r.Attributes(), "ebpf.signal.code") == "SI_TKILL" {
						continue
					}
					lines = append(lines, fmt.Sprintf("log %s scope=%s event=%s severity=%s:%s body=%q %s", res,
						sl.Scope().Name(), r.EventName(), r.SeverityNumber(), r.SeverityText(), w.plain(r.Body().Str()), w.attributes(r.Attributes())))
				}
			}
		}
	}
	points := map[string]string{}
	for _, md := range s.metrics.AllMetrics() {
		for _, rm := range md.ResourceMetrics().All() {
			res := w.resource(rm.Resource())
			if res == "" {
				continue
			}
			instance, _ := rm.Resource().Attributes().Get("service.instance.id")
			for _, sm := range rm.ScopeMetrics().All() {
				for _, m := range sm.Metrics().All() {
					for key, value := range w.points(m) {
						key = fmt.Sprintf("metric %s scope=%s name=%s unit=%s type=%s %s", res, sm.Scope().Name(), m.Name(), m.Unit(), m.Type(), key)
						points[instance.AsString()+"\x00"+key] = key + " " + value
					}
				}
			}
		}
	}
	lines = slices.AppendSeq(lines, maps.Values(points))
	slices.Sort(lines)
	return lines
}

// counted is how much is in the newest exponential histograms of the workload.
func (s *telemetry) counted(w *workload, metric string) (n uint64) {
	newest := map[string]uint64{}
	for _, md := range s.metrics.AllMetrics() {
		for _, rm := range md.ResourceMetrics().All() {
			if w.resource(rm.Resource()) == "" {
				continue
			}
			pid, _ := rm.Resource().Attributes().Get("process.pid")
			for _, sm := range rm.ScopeMetrics().All() {
				for _, m := range sm.Metrics().All() {
					if m.Name() != metric || m.Type() != pmetric.MetricTypeExponentialHistogram {
						continue
					}
					for _, p := range m.ExponentialHistogram().DataPoints().All() {
						newest[pid.AsString()+w.attributes(p.Attributes())] = p.Count()
					}
				}
			}
		}
	}
	for _, c := range newest {
		n += c
	}
	return n
}

// points gives each point's attributes and what of its value does not depend on
// time.
func (w *workload) points(m pmetric.Metric) map[string]string {
	points := map[string]string{}
	if m.Type() == pmetric.MetricTypeHistogram {
		for _, p := range m.Histogram().DataPoints().All() {
			points[w.attributes(p.Attributes())] = fmt.Sprintf("%s count=%d bounds=%v", m.Histogram().AggregationTemporality(), p.Count(), p.ExplicitBounds().AsRaw())
		}
		return points
	}
	if m.Type() != pmetric.MetricTypeSum && m.Type() != pmetric.MetricTypeExponentialHistogram {
		points[""] = "a type that is not compared"
	}
	return points // what the kernel counts differs from run to run
}

// resource writes a resource, or nothing if it is none of the workload's.
func (w *workload) resource(r pcommon.Resource) string {
	pid, _ := r.Attributes().Get("process.pid")
	if w.roles[pid.AsString()] == "" {
		return ""
	}
	return "resource{" + w.attributes(r.Attributes()) + "}"
}

// volatile differ from run to run.
var volatile = []string{
	"process.creation.time", "service.instance.id", "ebpf.process.run_time", "log.record.uid", "ebpf.process.exit.signal.record",
}

func (w *workload) attributes(m pcommon.Map) string {
	var parts []string
	for key, value := range m.All() {
		if slices.Contains(volatile, key) {
			parts = append(parts, key)
			continue
		}
		text := value.AsString()
		switch {
		case strings.HasSuffix(key, "pid"):
			text = w.process(text)
		case strings.HasSuffix(key, ".port"):
			text = w.port(text)
		default:
			text = w.plain(text)
		}
		parts = append(parts, fmt.Sprintf("%s=%s:%q", key, value.Type(), text))
	}
	slices.Sort(parts)
	return strings.Join(parts, " ")
}

func (w *workload) process(pid string) string {
	if role := w.roles[pid]; role != "" {
		return "<" + role + ">"
	}
	return "<other>"
}

func (w *workload) port(number string) string {
	if role := w.ports[number]; role != "" {
		return "<of " + role + ">"
	}
	if n, err := strconv.Atoi(number); err == nil && n > 1024 {
		return "<any>"
	}
	return number
}

var (
	processNumber = regexp.MustCompile(`\bProcess (\d+)\b`)
	portNumber    = regexp.MustCompile(`(127\.0\.0\.1|\[::1\]):(\d+)`)
	duration      = regexp.MustCompile(`\bafter [0-9hmsnµ.]+`)
)

// plain replaces numbers in texts as those in attributes.
func (w *workload) plain(text string) string {
	text = processNumber.ReplaceAllStringFunc(text, func(s string) string {
		return "Process " + w.process(strings.TrimPrefix(s, "Process "))
	})
	text = portNumber.ReplaceAllStringFunc(text, func(s string) string {
		i := strings.LastIndex(s, ":")
		return s[:i+1] + w.port(s[i+1:])
	})
	return duration.ReplaceAllString(text, "after <time>")
}
