// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"go.uber.org/zap"

	"github.com/ebpfreceiver/ebpfreceiver/internal/compat"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// maxLoading is how many programs of a probe are loaded at the same time at most: a few take most of
// the time.
const maxLoading = 4

// load makes and loads the probe, with the best variant that works, and
// attaches it to the host. It never fails: the outcome says what came of it.
func (m *Manager) load(ctx context.Context, u *unit) {
	deps := map[string]probe.Probe{}
	shared := map[string]*ebpf.Map{}
	for _, name := range u.factory.Manifest.DependsOn {
		d := m.units[name]
		if !d.runs() {
			u.outcome = outcome{state: d.outcome.state, err: &dependencyError{name, d.outcome.err}}
			return
		}
		deps[name] = d.probe
		maps.Copy(shared, d.sharedMaps())
	}
	p, err := u.factory.New(m.settings(u), u.config)
	if err != nil {
		u.outcome = outcome{state: failed, err: err}
		return
	}
	u.probe = p
	if !u.bringsObject() {
		u.outcome = outcome{state: running}
		if err := m.try(ctx, u, &probe.Loading{Dependencies: deps}); err != nil {
			u.outcome = outcome{state: failed, err: err}
			return
		}
	} else if !m.loadBest(ctx, u, deps, shared) {
		return
	}
	m.inherit(u)
}

// loadBest loads the first variant that works.
func (m *Manager) loadBest(ctx context.Context, u *unit, deps map[string]probe.Probe, shared map[string]*ebpf.Map) bool {
	choices, err := m.choices(u)
	if err != nil {
		u.outcome = outcome{state: failed, err: err}
		return false
	}
	var rejected []rejection
	for i := range choices {
		c := &choices[i]
		err := c.refused
		if err == nil {
			m.warn(u, c)
			err = m.loadVariant(ctx, u, c.Variant, deps, shared)
		}
		if err == nil {
			u.outcome = outcome{
				state: running, variant: c.Name, loses: slices.Clone(c.Loses), rejected: rejected,
				forced: m.set.Config.Variants[u.name] != "",
			}
			if compat.SeesLess(c.Loses, u.factory.Manifest.Variants[0].Loses) {
				u.outcome.state = degraded
			}
			return true
		}
		rejected = append(rejected, rejection{c.Name, err})
		if ctx.Err() != nil {
			break
		}
	}
	u.outcome = outcome{state: unsupported, rejected: rejected, err: summary(rejected)}
	return false
}

// inherit makes the probe suffer by those that it depends on: what a degraded
// one cannot see, it cannot see either.
func (m *Manager) inherit(u *unit) {
	for _, name := range u.factory.Manifest.DependsOn {
		d := m.units[name]
		if d.outcome.state != degraded {
			continue
		}
		u.outcome.state = degraded
		u.outcome.through = append(u.outcome.through, name)
		for _, lost := range d.outcome.loses {
			if !slices.Contains(u.outcome.loses, lost) {
				u.outcome.loses = append(u.outcome.loses, lost)
			}
		}
	}
}

// dependencyError is a probe that does not run for want of another one, which
// tells the reason itself.
type dependencyError struct {
	name  string
	cause error
}

func (e *dependencyError) Error() string {
	return fmt.Sprintf("it needs the probe %q, which does not run", e.name)
}

func (e *dependencyError) Unwrap() error { return e.cause }

func (m *Manager) loadVariant(ctx context.Context, u *unit, v probe.Variant, deps map[string]probe.Probe, shared map[string]*ebpf.Map) error {
	spec, err := v.Reduced()
	if err != nil {
		return err
	}
	u.later = wantsPerf(spec)
	l := &probe.Loading{Variant: v, Spec: spec, Dependencies: deps}
	if m.usage != nil && m.usage.stats != nil {
		l.Loaded = func(programs map[string]*ebpf.Program) {
			if err := u.keep(programs); err != nil {
				m.log.Warn("The time of a program is not measured", zap.String("probe", u.name), zap.Error(err))
			}
		}
	}
	l.Options.MapReplacements = map[string]*ebpf.Map{}
	for name, own := range shared {
		if s := spec.Maps[name]; s != nil {
			s.MaxEntries = own.MaxEntries() // its owner decides
			l.Options.MapReplacements[name] = own
		}
	}
	l.Options.Cache = m.kernel.Cache()
	l.Caches = m.kernel.Caches(min(runtime.GOMAXPROCS(0), maxLoading))
	return m.try(ctx, u, l)
}

// try loads and attaches, or leaves nothing.
func (m *Manager) try(ctx context.Context, u *unit, l *probe.Loading) error {
	if err := u.probe.Load(ctx, l); err != nil {
		return errors.Join(explain(err), u.release(), u.probe.Close())
	}
	if err := u.attach(ctx); err != nil {
		return errors.Join(explain(err), u.release(), u.probe.Close())
	}
	return nil
}

// explain turns a refusal of the kernel into one line. The whole log of the
// verifier stays behind %+v.
func explain(err error) error {
	if verifier, ok := errors.AsType[*ebpf.VerifierError](err); ok {
		return &refusedError{err: err, program: programOf(err), line: lastLine(verifier)}
	}
	return err
}

// refusedError is a program that the kernel's verifier refused.
type refusedError struct {
	err     error
	program string
	line    string
}

func (e *refusedError) Error() string { return "the kernel refused " + e.program + ": " + e.line }
func (e *refusedError) Unwrap() error { return e.err }

// Format gives the log of the verifier for %+v.
func (e *refusedError) Format(s fmt.State, verb rune) {
	if verb == 'v' && s.Flag('+') {
		fmt.Fprintf(s, "%+v", e.err)
		return
	}
	fmt.Fprint(s, e.Error())
}

// programOf names the program that an error of the library is about.
func programOf(err error) string {
	if _, rest, ok := strings.Cut(err.Error(), "program "); ok {
		if name, _, ok := strings.Cut(rest, ": "); ok {
			return "program " + name
		}
	}
	return "a program"
}

// lastLine finds the verifier's reason, which stands before its statistics, and since Linux 7.3
// before an explanation of many lines.
func lastLine(v *ebpf.VerifierError) string {
	log := v.Log
	if i := slices.IndexFunc(log, func(line string) bool { return strings.HasPrefix(line, "Verification failed:") }); i > 0 {
		log = log[:i]
	}
	for _, line := range slices.Backward(log) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "processed ") {
			return line
		}
	}
	return v.Unwrap().Error()
}
