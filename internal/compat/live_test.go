// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package compat

import (
	"errors"
	"os"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/rlimit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
