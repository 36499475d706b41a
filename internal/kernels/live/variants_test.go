// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package live

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/compat"
	"github.com/ebpfreceiver/ebpfreceiver/internal/kernel"
	"github.com/ebpfreceiver/ebpfreceiver/internal/kernels/support"
	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes"
)

// testOthers: what was found to be supported loads and attaches, also where no
// receiver had it running. A variant that is not supported is skipped with its
// reason, so that the log has the whole answer: each variant of the registry is
// either among those that ran or is asked here.
func testOthers(t *testing.T, ran map[variant]bool) {
	livetest.RequireRoot(t)
	require.NoError(t, rlimit.RemoveMemlock()) // before 5.11 maps are locked memory
	k, err := kernel.Running(t.Context())
	require.NoError(t, err)
	t.Logf("kernel %s, lockdown %s", k.Release, k.Lockdown())
	for _, f := range probes.All() {
		for _, v := range f.Manifest.Variants {
			if ran[variant{f.Manifest.Name, v.Name}] {
				continue
			}
			t.Run("load "+f.Manifest.Name+"="+v.Name, func(t *testing.T) {
				spec, err := v.Reduced()
				require.NoError(t, err)
				report, err := compat.Check(k, spec, v.Programs)
				require.NoError(t, err)
				if report.Answer() == compat.Unsupported {
					t.Skip("not supported: ", report.Reason())
				}
				loadAndAttach(t, k, spec)
			})
		}
	}
}

func loadAndAttach(t *testing.T, k *kernel.Kernel, spec *ebpf.CollectionSpec) {
	t.Helper()
	coll, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{Cache: k.Cache()})
	if refused, ok := errors.AsType[*ebpf.VerifierError](err); ok {
		t.Logf("%+v", refused)
	}
	require.NoError(t, err, "nothing was said against it")
	defer coll.Close()
	for name, p := range coll.Programs {
		attach(t, name, spec.Programs[name], p)
	}
}

// attach attaches a program that needs nothing but its hook, and detaches it.
func attach(t *testing.T, name string, spec *ebpf.ProgramSpec, p *ebpf.Program) {
	t.Helper()
	var l io.Closer
	var err error
	switch spec.Type {
	case ebpf.Tracing:
		if spec.AttachType == ebpf.AttachTraceIter {
			return // needs a map to walk
		}
		l, err = link.AttachTracing(link.TracingOptions{Program: p})
	case ebpf.LSM:
		l, err = link.AttachLSM(link.LSMOptions{Program: p})
	case ebpf.Kprobe:
		if spec.AttachTo == "" { // a uprobe: needs an executable
			t.Logf("program %s: loaded, not attached (%s)", name, spec.SectionName)
			return
		}
		open := link.Kprobe
		if strings.HasPrefix(spec.SectionName, "kretprobe/") {
			open = link.Kretprobe
		}
		l, err = open(spec.AttachTo, p, nil)
	case ebpf.TracePoint:
		group, event, _ := strings.Cut(spec.AttachTo, "/")
		l, err = link.Tracepoint(group, event, p, nil)
	case ebpf.RawTracepoint:
		l, err = link.AttachRawTracepoint(link.RawTracepointOptions{Name: spec.AttachTo, Program: p})
	default:
		t.Logf("program %s: loaded, not attached (%s)", name, spec.SectionName)
		return
	}
	require.NoError(t, err, "attach %s", name)
	require.NoError(t, l.Close())
}

// hold asserts that the kernel has each program of the variants that a receiver says it
// runs, and that those are attached whose links a kernel of any age can tell of: others
// than those on kprobes and tracepoints, which are perf events before 5.15. It gives the variants.
func hold(t *testing.T, told support.Told) map[variant]bool {
	t.Helper()
	loaded, linked := map[string]int{}, map[string]int{}
	links := linksOf(t)
	for id, p := range livetest.Programs(t) {
		loaded[short(p.Name)]++
		if links[id] {
			linked[short(p.Name)]++
		}
	}
	ran := map[variant]bool{}
	for _, f := range probes.All() {
		for _, v := range f.Manifest.Variants {
			if running, ok := told[f.Manifest.Name]; !ok || running != v.Name {
				continue
			}
			ran[variant{f.Manifest.Name, v.Name}] = true
			spec, err := v.Reduced()
			require.NoError(t, err)
			for name, p := range spec.Programs {
				name = short(name)
				loaded[name]--
				assert.GreaterOrEqual(t, loaded[name], 0, "%s=%s: program %s is not loaded", f.Manifest.Name, v.Name, name)
				switch p.Type {
				case ebpf.Tracing, ebpf.LSM, ebpf.RawTracepoint:
					if p.AttachType != ebpf.AttachTraceIter {
						linked[name]--
						assert.GreaterOrEqual(t, linked[name], 0, "%s=%s: program %s is not attached", f.Manifest.Name, v.Name, name)
					}
				}
			}
		}
	}
	return ran
}

// short is as much of a name as the kernel keeps where a program brings no types.
func short(name string) string { return name[:min(len(name), 15)] }

// linksOf gives the programs that links lead to.
func linksOf(t *testing.T) map[ebpf.ProgramID]bool {
	t.Helper()
	linked := map[ebpf.ProgramID]bool{}
	it := new(link.Iterator)
	defer it.Close()
	for it.Next() {
		info, err := it.Link.Info()
		require.NoError(t, err)
		linked[info.Program] = true
	}
	require.NoError(t, it.Err())
	return linked
}
