// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package compat

import (
	"errors"
	"os"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/rlimit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ebpfreceiver/ebpfreceiver/internal/kernel"
)

func running(t testing.TB) *kernel.Kernel {
	t.Helper()
	if _, err := os.Stat("/sys/kernel/btf/vmlinux"); err != nil {
		t.Skip("this kernel has no BTF: ", err)
	}
	k, err := kernel.Running(t.Context())
	require.NoError(t, err)
	return k
}

// TestAgreesWithLoad loads each program of the test objects and compares with
// what was said before.
func TestAgreesWithLoad(t *testing.T) {
	k := running(t)
	if !k.Capabilities().Has(kernel.CapBPF) || !k.Capabilities().Has(kernel.CapPerfmon) {
		t.Skip("loading programs needs CAP_BPF and CAP_PERFMON")
	}
	require.NoError(t, rlimit.RemoveMemlock()) // before 5.11 maps are locked memory
	for _, object := range []string{"drift", "guards", "kfuncs", "kprobes", "maps"} {
		for name := range load(t, object).Programs {
			t.Run(object+"/"+name, func(t *testing.T) {
				spec := load(t, object)
				report, err := Check(k, spec, []string{name})
				require.NoError(t, err)
				only(spec, name)
				coll, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{Cache: k.Cache()})
				if err == nil {
					coll.Close()
				}
				switch report.Answer() {
				case Satisfied:
					if refused, ok := errors.AsType[*ebpf.VerifierError](err); ok {
						t.Logf("%+v", refused)
					}
					assert.NoError(t, err, "nothing was said against it")
				default: // what is inconclusive may load or not
					t.Log(report.Answer(), ": ", report.Reason(), "; load: ", err)
					assert.NotEmpty(t, report.Reason())
				}
			})
		}
	}
}

// only leaves one program and the maps that it uses.
func only(spec *ebpf.CollectionSpec, name string) {
	spec.Programs = map[string]*ebpf.ProgramSpec{name: spec.Programs[name]}
	used := make(map[string]bool)
	for i := range spec.Programs[name].Instructions {
		used[spec.Programs[name].Instructions[i].Reference()] = true
	}
	for m := range spec.Maps {
		if !used[m] && m[0] != '.' { // the library wants the sections of variables
			delete(spec.Maps, m)
		}
	}
}

// TestIterators compares what is said of iterators with what the kernel does, and says what
// one does that refuses some of them by a policy.
func TestIterators(t *testing.T) {
	k := running(t)
	if !k.Capabilities().Has(kernel.CapBPF) || !k.Capabilities().Has(kernel.CapPerfmon) {
		t.Skip("loading programs needs CAP_BPF and CAP_PERFMON")
	}
	visit := func(target string) *ebpf.CollectionSpec {
		return &ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{"visit": {
			Name: "visit", Type: ebpf.Tracing, AttachType: ebpf.AttachTraceIter, AttachTo: target,
			SectionName: "iter/" + target, License: "GPL",
			Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
		}}}
	}
	for _, target := range []string{"task", "task_file", "bpf_map_elem", "bpf_sk_storage_map"} {
		report, err := Check(k, visit(target), nil)
		require.NoError(t, err)
		coll, err := ebpf.NewCollection(visit(target))
		if err == nil {
			coll.Close()
		}
		assert.Equal(t, err == nil, report.Answer() == Satisfied, "%s: %v, and was said to be: %s", target, err, report.Reason())
	}

	k = running(t)
	for _, err := range []error{unix.EPERM, unix.E2BIG} { // what was tried is remembered
		target := map[error]string{unix.EPERM: "task", unix.E2BIG: "task_file"}[err]
		require.ErrorIs(t, k.Try("iterator "+target, func() error { return err }), err)
	}
	report, err := Check(k, visit("task"), nil)
	require.NoError(t, err)
	assert.Equal(t, Unsupported, report.Answer())
	assert.Equal(t, "iter/task: refused by the kernel's security policy, though it has this iterator", report.Reason())
	report, err = Check(k, visit("task_file"), nil)
	require.NoError(t, err)
	assert.Equal(t, Inconclusive, report.Answer())
	report, err = Check(k, visit("nonsense"), nil)
	require.NoError(t, err)
	assert.Equal(t, "iter/nonsense: no such iterator in this kernel", report.Reason())
}
