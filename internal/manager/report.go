// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.uber.org/zap"
)

// report says of each probe, once, whether it runs and what it lost. It fails
// when a probe cannot run and the configuration demands it.
func (m *Manager) report() error {
	for _, o := range m.left {
		m.log.Info("Probe left out", zap.String("probe", o.name), zap.String("reason", o.reason))
	}
	attributes := pcommon.NewMap()
	var broken brokenProbes
	for _, u := range m.order {
		o := &u.outcome
		fields := []zap.Field{zap.String("probe", u.name)}
		if o.variant != "" {
			fields = append(fields, zap.String("variant", o.variant))
		}
		if o.forced {
			fields = append(fields, zap.Bool("forced", true))
		}
		if d := u.factory.Manifest.Deprecated; d != nil {
			m.log.Warn("Probe is deprecated", zap.String("probe", u.name), zap.String("since", d.Since), zap.String("removed_in", d.RemovedIn), zap.String("use", d.Use))
		}
		for _, r := range o.rejected {
			fields = append(fields, zap.NamedError("not_"+r.variant, r.reason))
		}
		if len(o.through) > 0 {
			fields = append(fields, zap.Strings("through", o.through))
		}
		if len(o.loses) > 0 {
			fields = append(fields, zap.Strings("cannot_see", o.loses))
		}
		attributes.PutStr(u.name, u.status())
		if u.runs() {
			m.log.Info("Probe runs", fields...)
			continue
		}
		m.log.Warn("Probe does not run", append(fields, zap.Error(o.err))...)
		broken.add(u.name, o.err)
	}
	if broken.none() {
		m.reported = componentstatus.NewEvent(componentstatus.StatusOK, componentstatus.WithAttributes(attributes))
		m.status(m.reported)
		return nil
	}
	err := broken.err()
	if m.set.Config.FailUnsupported {
		return err
	}
	m.reported = componentstatus.NewEvent(componentstatus.StatusRecoverableError, componentstatus.WithError(err), componentstatus.WithAttributes(attributes))
	m.status(m.reported)
	return nil
}

// brokenProbes tells in a sentence which probes do not run: those that lack another one behind
// it, without a reason of their own.
type brokenProbes struct {
	reasons []string // "probe NAME does not run: …"
	names   []string
	without map[string][]string // by the name of the one that they lack
}

func (b *brokenProbes) add(name string, err error) {
	if lacks, ok := errors.AsType[*dependencyError](err); ok {
		if b.without == nil {
			b.without = map[string][]string{}
		}
		first := lacks.name
		for by, others := range b.without { // the one that all of it began with
			if slices.Contains(others, first) {
				first = by
			}
		}
		b.without[first] = append(b.without[first], name)
		return
	}
	b.reasons, b.names = append(b.reasons, fmt.Sprintf("probe %s does not run: %v", name, err)), append(b.names, name)
}

func (b *brokenProbes) none() bool { return len(b.reasons) == 0 && len(b.without) == 0 }

func (b *brokenProbes) err() error {
	parts := slices.Clone(b.reasons)
	for _, name := range slices.Sorted(maps.Keys(b.without)) {
		others := strings.Join(b.without[name], ", ")
		if i := slices.Index(b.names, name); i >= 0 {
			parts[i] += ", and without it neither do " + others
		} else {
			parts = append(parts, fmt.Sprintf("without the probe %s these do not run: %s", name, others))
		}
	}
	return errors.New(strings.Join(parts, "; "))
}

func (m *Manager) status(e *componentstatus.Event) {
	if m.set.ReportStatus != nil {
		m.set.ReportStatus(e)
	}
}

// status tells in a few words how the probe is, for people.
func (u *unit) status() string {
	s := string(u.outcome.state)
	if u.outcome.variant != "" {
		s += " (" + u.outcome.variant + ")"
	}
	if reason := u.reason(); reason != "" {
		s += ": " + reason
	}
	return s
}

// reason says why the probe does not run; or what its variant cannot see, and why
// none of the better ones runs.
func (u *unit) reason() string {
	o := &u.outcome
	if o.err != nil {
		return o.err.Error()
	}
	var parts []string
	if len(o.loses) > 0 {
		parts = append(parts, "it cannot see "+strings.Join(o.loses, "; "))
	}
	for _, r := range o.rejected {
		parts = append(parts, fmt.Sprintf("not %s: %v", r.variant, r.reason))
	}
	for _, name := range o.through {
		parts = append(parts, "it depends on "+name+", which is degraded")
	}
	return strings.Join(parts, "; ")
}
