// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"errors"
	"fmt"
	"strings"

	"go.uber.org/zap"

	"github.com/ebpfreceiver/ebpfreceiver/internal/compat"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// choice is a variant of a probe with what the kernel said of it before anything
// was loaded.
type choice struct {
	probe.Variant
	refused  error // a *refusal; nil if only loading it can tell more
	warnings []string
}

// choices asks the kernel which variants it can run, best first. A forced one is
// the only one.
//
// Returns an error if the probe itself is at fault: its object is broken.
func (m *Manager) choices(u *unit) ([]choice, error) {
	r, err := compat.Resolve(m.kernel, u.factory.Manifest)
	if err != nil {
		return nil, err
	}
	forced := m.set.Config.Variants[u.name]
	said := make([]choice, len(u.factory.Manifest.Variants))
	for _, c := range r.Candidates {
		said[c.Index].warnings = c.Warnings
	}
	for _, rejected := range r.Rejected {
		said[rejected.Index].refused = &refusal{rejected.Reasons}
	}
	var all []choice
	for i, v := range u.factory.Manifest.Variants {
		if forced == "" || v.Name == forced {
			said[i].Variant = v
			all = append(all, said[i])
		}
	}
	return all, nil
}

// warn passes on what the kernel is going to take away from the variant.
func (m *Manager) warn(u *unit, c *choice) {
	for _, w := range c.warnings {
		m.log.Warn("The kernel announces a change", zap.String("probe", u.name), zap.String("variant", c.Name), zap.String("change", w))
	}
}

// refusal is why the kernel cannot run a variant: at least one reason, what
// matters most first.
type refusal struct{ reasons []string }

func (r *refusal) Error() string {
	if more := len(r.reasons) - 1; more > 0 {
		return fmt.Sprintf("%s (and %d more)", r.reasons[0], more)
	}
	return r.reasons[0]
}

// reasonsOf lists the reasons of a rejection.
func reasonsOf(err error) []string {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r.reasons
	}
	return []string{err.Error()}
}

// summary makes one error of the rejections of all variants. What stands in the
// way of each of them is all there is to say; else each has its reason.
func summary(rejected []rejection) error {
	e := &unsupportedError{}
	var reasons [][]string
	for _, r := range rejected {
		e.causes = append(e.causes, r.reason)
		reasons = append(reasons, reasonsOf(r.reason))
	}
	if e.text = compat.Common(reasons); e.text != "" {
		return e
	}
	var parts []string
	for _, r := range rejected {
		parts = append(parts, fmt.Sprintf("%s: %v", r.variant, r.reason))
	}
	e.text = strings.Join(parts, "; ")
	return e
}

// unsupportedError says why no variant of a probe works.
type unsupportedError struct {
	text   string
	causes []error
}

func (e *unsupportedError) Error() string   { return e.text }
func (e *unsupportedError) Unwrap() []error { return e.causes }
