// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package variants

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/compat"
	"github.com/ebpfreceiver/ebpfreceiver/internal/kernel"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes"
)

// TestVariants: what was found to be supported loads and attaches. A variant
// that is not is skipped with its reason, so that the log has the whole answer.
func TestVariants(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("loading programs needs root")
	}
	require.NoError(t, rlimit.RemoveMemlock()) // before 5.11 maps are locked memory
	k, err := kernel.Running(t.Context())
	require.NoError(t, err)
	t.Logf("kernel %s, lockdown %s", k.Release, k.Lockdown())
	for _, f := range probes.All() {
		for _, v := range f.Manifest.Variants {
			t.Run(f.Manifest.Name+"/"+v.Name, func(t *testing.T) {
				spec, err := v.Reduced()
				require.NoError(t, err)
				report, err := compat.Check(k, spec, v.Programs)
				require.NoError(t, err)
				if report.Answer() == compat.Unsupported {
					t.Skip("not supported: ", report.Reason())
				}
				coll, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{Cache: k.Cache()})
				if refused, ok := errors.AsType[*ebpf.VerifierError](err); ok {
					t.Logf("%+v", refused)
				}
				require.NoError(t, err, "nothing was said against it")
				defer coll.Close()
				for name, p := range coll.Programs {
					attach(t, name, spec.Programs[name], p)
				}
			})
		}
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
