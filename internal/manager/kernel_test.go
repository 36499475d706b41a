// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package manager

import (
	"context"
	"io"
	"os"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/ebpfreceiver/ebpfreceiver/internal/kernel"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// object is a probe that loads what it is given into the kernel.
type object struct{ loaded *ebpf.Collection }

func (o *object) Load(_ context.Context, l *probe.Loading) (err error) {
	o.loaded, err = l.Collection()
	return err
}

func (o *object) Attach(context.Context, probe.Target) (io.Closer, error) {
	return closer(func() error { return nil }), nil
}

func (o *object) Close() error {
	if o.loaded != nil {
		o.loaded.Close()
	}
	return nil
}

// kfuncs is a variant of one program of the object that is made of kfuncs.
func kfuncs(program string) probe.Variant {
	return probe.Variant{Name: program, Programs: []string{program}, Spec: func() (*ebpf.CollectionSpec, error) {
		return ebpf.LoadCollectionSpec("../compat/testdata/kfuncs.bpf.elf")
	}}
}

// refused is a variant that nothing can be said against until the verifier sees
// that it gives back nothing.
func refused() probe.Variant {
	return probe.Variant{Name: "refused", Spec: func() (*ebpf.CollectionSpec, error) {
		return &ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{"silent": {
			Name: "silent", Type: ebpf.Tracing, AttachType: ebpf.AttachTraceRawTp, AttachTo: "sched_process_exit",
			License: "GPL", Instructions: asm.Instructions{asm.Mov.Imm(asm.R1, 1), asm.Return()},
		}}}, nil
	}}
}

// startWith starts a probe with these variants on the running kernel.
func startWith(t *testing.T, variants ...probe.Variant) (*unit, *observer.ObservedLogs) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("loading programs needs root")
	}
	k, err := kernel.Running(t.Context())
	require.NoError(t, err)
	if k.Lockdown() == kernel.LockdownConfidentiality {
		t.Skip("this kernel lets nothing be loaded")
	}
	set := settings(new(consumertest.LogsSink), probe.Factory{
		Manifest: probe.Manifest{Name: "p", Signals: probe.Logs, Variants: variants},
		New:      func(probe.Settings, any) (probe.Probe, error) { return &object{}, nil },
	})
	core, logs := observer.New(zap.InfoLevel)
	set.Receiver.Logger = zap.New(core)
	m := New(set)
	require.NoError(t, m.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, m.Shutdown(context.WithoutCancel(t.Context()))) })
	return m.units["p"], logs
}

// TestKfuncsNeverReachTheVerifier: one that the kernel does not have, and one
// that has become another, cost their variant; one that is only asked for costs
// nothing.
func TestKfuncsNeverReachTheVerifier(t *testing.T) {
	u, logs := startWith(t, kfuncs("missing"), kfuncs("changed"), kfuncs("weak_unguarded"), kfuncs("weak_guarded"))
	require.Equal(t, running, u.outcome.state, "it sees as much: %s", u.reason())
	assert.Equal(t, "weak_guarded", u.outcome.variant)
	require.Len(t, u.outcome.rejected, 3)
	assert.EqualError(t, u.outcome.rejected[0].reason, "kfunc bpf_no_such_kfunc: not in this kernel")
	assert.ErrorContains(t, u.outcome.rejected[1].reason, "kfunc bpf_cgroup_acquire: ")
	assert.EqualError(t, u.outcome.rejected[2].reason, "kfunc bpf_no_such_weak_kfunc: not in this kernel")
	require.Equal(t, 1, logs.FilterMessage("Probe runs").Len(), "one line for the probe")
	fields := logs.FilterMessage("Probe runs").All()[0].ContextMap()
	assert.Equal(t, "weak_guarded", fields["variant"])
	assert.Equal(t, "kfunc bpf_no_such_kfunc: not in this kernel", fields["not_missing"])
	for _, r := range u.outcome.rejected {
		assert.NotContains(t, r.reason.Error(), "\n")
		assert.NotContains(t, r.reason.Error(), "verifier")
	}
}

// TestVerifierRefusalIsOneSentence, and the next variant takes over.
func TestVerifierRefusalIsOneSentence(t *testing.T) {
	u, _ := startWith(t, refused(), kfuncs("weak_guarded"))
	require.Equal(t, running, u.outcome.state, "it sees as much: %s", u.reason())
	assert.Equal(t, "weak_guarded", u.outcome.variant)
	require.Len(t, u.outcome.rejected, 1)
	assert.EqualError(t, u.outcome.rejected[0].reason, "the kernel refused program silent: R0 !read_ok")

	u, logs := startWith(t, refused())
	assert.Equal(t, unsupported, u.outcome.state)
	assert.EqualError(t, u.outcome.err, "the kernel refused program silent: R0 !read_ok")
	assert.Equal(t, 1, logs.FilterMessage("Probe does not run").Len())
}

// TestOneReasonIsSaidOnce: what stands in the way of all variants is said without
// them.
func TestOneReasonIsSaidOnce(t *testing.T) {
	no := func(variant string, reasons ...string) rejection { return rejection{variant, &refusal{reasons}} }
	for _, c := range []struct {
		rejected []rejection
		want     string
	}{
		{[]rejection{no("a", "no rights", "no hook"), no("b", "no helper", "no rights")}, "no rights"},
		{[]rejection{no("a", "no hook", "no field"), no("b", "no helper")}, "a: no hook (and 1 more); b: no helper"},
		{[]rejection{no("a", "no hook"), {"b", io.ErrUnexpectedEOF}}, "a: no hook; b: unexpected EOF"},
		{[]rejection{{"b", io.ErrUnexpectedEOF}}, "unexpected EOF"},
	} {
		err := summary(c.rejected)
		assert.EqualError(t, err, c.want)
		for _, r := range c.rejected {
			assert.ErrorIs(t, err, r.reason)
		}
	}
}

// TestDegradedDaemonDegradesThoseThatNeedIt passes on what cannot be seen.
func TestDegradedDaemonDegradesThoseThatNeedIt(t *testing.T) {
	d := &diary{}
	weaker := variant("weaker")
	weaker.Loses = []string{"the colour"}
	daemon := factory(&fake{name: "daemon", diary: d, failLoad: map[string]error{"best": io.ErrUnexpectedEOF}},
		probe.Manifest{Kind: probe.Daemon, Variants: []probe.Variant{variant("best"), weaker}})
	rider := factory(&fake{name: "rider", diary: d}, probe.Manifest{Signals: probe.Logs, DependsOn: []string{"daemon"}})
	m := New(settings(new(consumertest.LogsSink), daemon, rider))
	require.NoError(t, m.Start(t.Context()))
	assert.Equal(t, "degraded: it cannot see the colour; it depends on daemon, which is degraded", m.units["rider"].status())
	assert.Equal(t, []string{"daemon"}, m.units["rider"].outcome.through)
	require.NoError(t, m.Shutdown(t.Context()))
}
