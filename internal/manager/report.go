// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"fmt"
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
	var broken []string
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
		broken = append(broken, fmt.Sprintf("probe %s does not run: %v", u.name, o.err))
	}
	if len(broken) == 0 {
		m.reported = componentstatus.NewEvent(componentstatus.StatusOK, componentstatus.WithAttributes(attributes))
		m.status(m.reported)
		return nil
	}
	err := fmt.Errorf("%s", strings.Join(broken, "; "))
	if m.set.Config.FailUnsupported {
		return err
	}
	m.reported = componentstatus.NewEvent(componentstatus.StatusRecoverableError, componentstatus.WithError(err), componentstatus.WithAttributes(attributes))
	m.status(m.reported)
	return nil
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
