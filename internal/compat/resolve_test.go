// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package compat

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ebpfreceiver/ebpfreceiver/internal/kernel"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

func variant(t testing.TB, name, object string, loses []string, programs ...string) probe.Variant {
	spec := load(t, object)
	return probe.Variant{
		Name: name, Programs: programs, Loses: loses,
		Spec: func() (*ebpf.CollectionSpec, error) { return spec, nil },
	}
}

// ladder is a probe with three ways to the same.
func ladder(t testing.TB) probe.Manifest {
	return probe.Manifest{Name: "ladder", Variants: []probe.Variant{
		variant(t, "fexit", "drift", nil, "accept_fourth", "accept_first"),
		variant(t, "kprobe", "drift", []string{"who accepted"}, "unlink"),
		variant(t, "tracing", "guards", []string{"who accepted", "when"}, "flavour"),
	}}
}

func TestResolve(t *testing.T) {
	for _, c := range []struct {
		kernel string
		mode   kernel.Lockdown
		state  State
		chosen string
		reason string
	}{
		{v61, kernel.LockdownNone, Full, "fexit", ""},
		{v612, kernel.LockdownNone, Degraded, "kprobe", "fexit: fexit/inet_csk_accept: signature differs: the program reads " +
			"argument 4, the kernel's has 2: (struct sock *sk, struct proto_accept_arg *arg)"},
		{v612, kernel.LockdownConfidentiality, Degraded, "tracing", "fexit: fexit/inet_csk_accept: signature differs: the program " +
			"reads argument 4, the kernel's has 2: (struct sock *sk, struct proto_accept_arg *arg); " +
			"kprobe: kprobes: refused by the kernel's lockdown policy (confidentiality)"},
	} {
		t.Run(c.kernel+" "+c.mode.String(), func(t *testing.T) {
			r, err := Resolve(fetched(t, c.kernel).WithLockdown(c.mode), ladder(t))
			require.NoError(t, err)
			assert.Equal(t, c.state, r.State)
			assert.Equal(t, c.chosen, r.Chosen().Variant)
			assert.Equal(t, c.reason, r.Reason())
			assert.Equal(t, len(r.Better()), r.Chosen().Index)
		})
	}
	t.Run("none", func(t *testing.T) {
		r, err := Resolve(fetched(t, v612), probe.Manifest{Name: "none", Variants: []probe.Variant{
			variant(t, "a", "kfuncs", nil, "missing"),
			variant(t, "b", "kfuncs", nil, "changed", "weak_unguarded"),
		}})
		require.NoError(t, err)
		assert.Equal(t, None, r.State)
		assert.Nil(t, r.Chosen())
		assert.Contains(t, r.Reason(), "a: kfunc bpf_no_such_kfunc: not in this kernel; b: kfunc bpf_cgroup_acquire: signature differs")
		assert.Contains(t, r.Reason(), "(and 1 more)")
	})
	t.Run("through another", func(t *testing.T) {
		set, err := Prepare(ladder(t), probe.Manifest{Name: "user", DependsOn: []string{"ladder"}})
		require.NoError(t, err)
		resolutions, err := set.Resolve(fetched(t, v612))
		require.NoError(t, err)
		assert.Equal(t, Degraded, resolutions[1].State)
		assert.Equal(t, []string{"who accepted"}, resolutions[1].Loses)
		assert.Equal(t, "it depends on ladder", resolutions[1].Reason())
	})
	t.Run("another architecture", func(t *testing.T) {
		set, err := Prepare(ladder(t))
		require.NoError(t, err)
		_, err = set.For("aarch64").Resolve(fetched(t, v612))
		assert.EqualError(t, err, "the kernel is for x86_64, the probes are compiled for aarch64")

		asked := 0
		both := set.For("aarch64").Or("x86_64", func() (*Set, error) {
			asked++
			return set.For("x86_64"), nil
		})
		for range 2 {
			resolutions, err := both.Resolve(fetched(t, v612))
			require.NoError(t, err)
			assert.Equal(t, "kprobe", resolutions[0].Chosen().Variant)
		}
		assert.Equal(t, 1, asked)
		broken := set.For("aarch64").Or("x86_64", func() (*Set, error) { return nil, errors.New("broken") })
		_, err = broken.Resolve(fetched(t, v612))
		assert.EqualError(t, err, "the probes for x86_64: broken")
	})
	t.Run("without variants", func(t *testing.T) {
		r, err := Resolve(fetched(t, v612), probe.Manifest{Name: "plain"})
		require.NoError(t, err)
		assert.Equal(t, Full, r.State)
	})
}

// TestDiff: what an update does to a probe it does to those that depend on it,
// and the causes are those of the variants that begin or cease to run.
// using is an object with a program for each of two maps, of which the variant has those
// that use the named ones.
func using(name string, maps ...string) probe.Variant {
	spec := &ebpf.CollectionSpec{Maps: map[string]*ebpf.MapSpec{}, Programs: map[string]*ebpf.ProgramSpec{}}
	for _, name := range []string{"shared", "own"} {
		spec.Maps[name] = &ebpf.MapSpec{Name: name, Type: ebpf.Hash, KeySize: 4, ValueSize: 4, MaxEntries: 1}
		program := &ebpf.ProgramSpec{Name: "uses_" + name, Type: ebpf.SocketFilter, License: "GPL", Instructions: asm.Instructions{
			asm.LoadMapPtr(asm.R1, 0).WithReference(name), asm.Mov.Imm(asm.R0, 0), asm.Return(),
		}}
		spec.Programs[program.Name] = program
	}
	v := probe.Variant{Name: name, Spec: func() (*ebpf.CollectionSpec, error) { return spec.Copy(), nil }}
	for _, m := range maps {
		v.Programs = append(v.Programs, "uses_"+m)
	}
	return v
}

// A variant that uses a map which only another variant of a Daemon fills cannot run.
func TestResolveKnowsTheMapsOfDependencies(t *testing.T) {
	filling, fallback := using("filling", "shared"), using("fallback", "own")
	resolve := func(first, second probe.Variant, uses ...probe.Variant) Resolution {
		s, err := Prepare(
			probe.Manifest{Name: "daemon", Variants: []probe.Variant{first, second}},
			probe.Manifest{Name: "user", DependsOn: []string{"daemon"}, Variants: uses})
		require.NoError(t, err)
		all, err := s.Resolve(fetched(t, v61))
		require.NoError(t, err)
		return all[1]
	}
	r := resolve(filling, fallback, using("one", "shared"))
	assert.Equal(t, Full, r.State, r.Reason())

	r = resolve(fallback, filling, using("one", "shared"))
	assert.Equal(t, None, r.State)
	require.Len(t, r.Rejected, 1)
	assert.Equal(t, []string{`the variant "fallback" of the probe "daemon" has no map shared`}, r.Rejected[0].Reasons)
	assert.Equal(t, []string{"daemon"}, r.Through)

	other := using("other", "own")
	r = resolve(fallback, filling, using("one", "shared"), other)
	require.NotNil(t, r.Chosen())
	assert.Equal(t, "other", r.Chosen().Variant)
	assert.Equal(t, Full, r.State, "it sees as much as the best")
	other.Loses = []string{"the colour"}
	r = resolve(fallback, filling, using("one", "shared"), other)
	assert.Equal(t, Degraded, r.State)
}

func TestDiff(t *testing.T) {
	rider := probe.Manifest{Name: "rider", DependsOn: []string{"ladder"}}
	set, err := Prepare(ladder(t), rider, probe.Manifest{Name: "legacy", Variants: []probe.Variant{variant(t, "v", "kfuncs", nil, "legacy")}})
	require.NoError(t, err)

	changes, err := set.Diff(fetched(t, v612), fetched(t, newest))
	require.NoError(t, err)
	assert.Equal(t, Worse, changes[0].Effect)
	assert.Equal(t, Degraded, changes[0].Before.State, "it was degraded before and is so after")
	assert.Equal(t, Degraded, changes[0].After.State)
	require.Len(t, changes[0].Causes, 1, "that fexit ran on neither is not behind it: %v", changes[0].Causes)
	assert.Equal(t, "kprobe: kprobe/do_unlinkat: this kernel has no function do_unlinkat (removed, renamed or inlined)", changes[0].Causes[0].Sentence())
	assert.Equal(t, Worse, changes[1].Effect)
	assert.Equal(t, []string{"ladder"}, changes[1].Through)
	assert.Equal(t, Unchanged, changes[2].Effect)
	require.Len(t, changes[2].Warnings, 2)
	assert.Equal(t, "kfunc bpf_obj_new_impl: replaced by bpf_obj_new in this kernel and kept for older programs", changes[2].Warnings[0])

	changes, err = set.Diff(fetched(t, newest), fetched(t, v612))
	require.NoError(t, err)
	assert.Equal(t, []Effect{Better, Better, Unchanged}, []Effect{changes[0].Effect, changes[1].Effect, changes[2].Effect})
	assert.Empty(t, changes[2].Warnings)

	_, err = set.Diff(&kernel.Kernel{Arch: "x86_64"}, &kernel.Kernel{Arch: "aarch64"})
	assert.EqualError(t, err, "one kernel is for x86_64, the other for aarch64")
}

func TestPrepareRefuses(t *testing.T) {
	broken := errors.New("broken object")
	_, err := Prepare(probe.Manifest{Name: "p", Variants: []probe.Variant{{
		Name: "v", Spec: func() (*ebpf.CollectionSpec, error) { return nil, broken },
	}}})
	assert.ErrorIs(t, err, broken)
	_, err = Prepare(probe.Manifest{Name: "p", Variants: []probe.Variant{variant(t, "v", "drift", nil, "nope")}})
	assert.EqualError(t, err, `probe p: variant v: its object lacks one of the programs nope`)
}

// TestPrivileges checks as a process that has fewer capabilities.
func TestPrivileges(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give up capabilities one by one")
	}
	const bpf, perfmon = 1 << kernel.CapBPF, 1 << kernel.CapPerfmon
	for _, c := range []struct {
		name string
		held uint64
		want string
	}{
		{"none", 0, "CAP_BPF is missing: loading programs needs it (or CAP_SYS_ADMIN)"},
		{"CAP_BPF", bpf, "CAP_PERFMON is missing: programs that trace need it (or CAP_SYS_ADMIN)"},
		{"CAP_PERFMON", perfmon, "CAP_BPF is missing: loading programs needs it (or CAP_SYS_ADMIN)"},
		{"both", bpf | perfmon, ""},
		{"CAP_SYS_ADMIN", 1 << kernel.CapSysAdmin, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			runtime.LockOSThread() // and never unlocked: the thread ends with its capabilities
			header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
			data := [2]unix.CapUserData{}
			data[0].Effective, data[0].Permitted = uint32(c.held), uint32(c.held)
			data[1].Effective, data[1].Permitted = uint32(c.held>>32), uint32(c.held>>32)
			require.NoError(t, unix.Capset(&header, &data[0]))
			report, err := Check(running(t), load(t, "maps"), []string{"ring"})
			require.NoError(t, err)
			assert.Equal(t, c.want, report.Reason())
		})
	}
}

func TestMatrix(t *testing.T) {
	set, err := Prepare(ladder(t))
	require.NoError(t, err)
	fetched(t, v612) // or skip
	paths, err := filepath.Glob("../../.cache/kernels/" + v612)
	require.NoError(t, err)
	outcomes, err := set.ResolveFiles(t.Context(), paths[:1], []kernel.Lockdown{kernel.LockdownNone, kernel.LockdownConfidentiality}, nil)
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, (&Matrix{Outcomes: outcomes, Booted: map[string]bool{outcomes[0].Release: true}}).WriteMarkdown(&b))
	release := outcomes[0].Release
	assert.Equal(t, "| kernel | architecture | lockdown | known by | ladder |\n|---|---|---|---|---|\n"+
		"| "+release+" | x86_64 | none | booted | degraded (kprobe)[^1][^2] |\n"+
		"| "+release+" | x86_64 | confidentiality | booted | degraded (tracing)[^3][^2][^4] |\n"+
		"\n[^1]: loses who accepted\n"+
		"\n[^2]: fexit: fexit/inet_csk_accept: signature differs: the program reads argument 4, the kernel's has 2: "+
		"(struct sock \\*sk, struct proto_accept_arg \\*arg)\n"+
		"\n[^3]: loses who accepted, when\n"+
		"\n[^4]: kprobe: kprobes: refused by the kernel's lockdown policy (confidentiality)\n", b.String())
}

// BenchmarkCheckOneKernel checks all test objects against a stored kernel, its
// reading included.
func BenchmarkCheckOneKernel(b *testing.B) {
	set := everything(b)
	fetched(b, v612)
	paths, err := filepath.Glob("../../.cache/kernels/" + v612)
	require.NoError(b, err)
	for b.Loop() {
		k, err := kernel.Open(paths[0])
		require.NoError(b, err)
		_, err = set.Resolve(k)
		require.NoError(b, err)
	}
}

// BenchmarkCheckKernels checks all test objects against 100 stored kernels.
func BenchmarkCheckKernels(b *testing.B) {
	set := everything(b)
	found, err := filepath.Glob("../../.cache/kernels/*")
	require.NoError(b, err)
	if len(found) == 0 {
		b.Skip("no kernels in .cache/kernels: run internal/kernels/fetch.sh")
	}
	var paths []string
	for i := range 100 {
		paths = append(paths, found[i%len(found)])
	}
	for b.Loop() {
		_, err := set.ResolveFiles(b.Context(), paths, nil, nil)
		require.NoError(b, err)
	}
}

func everything(b testing.TB) *Set {
	var manifests []probe.Manifest
	for _, object := range []string{"drift", "guards", "kfuncs", "kprobes", "maps"} {
		manifests = append(manifests, Manifests(load(b, object))...)
	}
	set, err := Prepare(manifests...)
	require.NoError(b, err)
	return set
}

// FuzzNeeds: any bytes that the library takes for an object give needs, or an error.
func FuzzNeeds(f *testing.F) {
	for _, object := range []string{"drift", "guards", "kfuncs", "kprobes", "maps"} {
		data, err := os.ReadFile("testdata/" + object + ".bpf.elf")
		require.NoError(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(data))
		if err != nil {
			return
		}
		needs, err := Needs(spec, nil)
		if err != nil {
			return
		}
		for _, n := range needs {
			if len(n.Programs) == 0 {
				t.Fatalf("%v has no program", n)
			}
		}
	})
}

// TestAtomicInstructions: those that give a value came with 5.12, and the kernel's types say
// nothing of them.
func TestAtomicInstructions(t *testing.T) {
	with := func(op asm.AtomicOp) probe.Manifest {
		spec := &ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{"p": {
			Name: "p", Type: ebpf.SocketFilter, License: "GPL", Instructions: asm.Instructions{
				asm.Mov.Imm(asm.R0, 0), asm.StoreMem(asm.RFP, -8, asm.R0, asm.DWord), op.Mem(asm.RFP, asm.R0, asm.DWord, -8),
				asm.Mov.Imm(asm.R0, 0), asm.Return(),
			},
		}}}
		return probe.Manifest{Name: "p", Variants: []probe.Variant{{Name: "v", Spec: func() (*ebpf.CollectionSpec, error) { return spec.Copy(), nil }}}}
	}
	for op, name := range map[asm.AtomicOp]string{
		asm.AddAtomic: "", asm.OrAtomic: "", asm.FetchAdd: "atomic_fetch_add", asm.FetchAnd: "atomic_fetch_and",
		asm.FetchOr: "atomic_fetch_or", asm.FetchXor: "atomic_fetch_xor", asm.Xchg: "atomic_xchg", asm.CmpXchg: "atomic_cmpxchg",
	} {
		old, err := Resolve(fetched(t, v510), with(op))
		require.NoError(t, err)
		if name == "" {
			assert.Equal(t, Full, old.State, old.Reason())
			continue
		}
		require.Len(t, old.Rejected, 1, name)
		assert.Equal(t, []string{"instruction " + name + ": not in this kernel"}, old.Rejected[0].Reasons)
		now, err := Resolve(fetched(t, v61), with(op))
		require.NoError(t, err)
		assert.Equal(t, Full, now.State, now.Reason())
	}
}
