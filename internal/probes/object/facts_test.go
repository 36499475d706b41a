// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package object_test

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// facts are what the tests find out of a kernel by themselves: not as the receiver does, and
// without its version.
type facts struct {
	types       *btf.Spec
	names       []byte // of the types, in them
	kprobes     bool
	trampolines error
	symbols     []byte   // /proc/kallsyms
	modules     []string // of security
	lockdown    string   // none, integrity or confidentiality; empty if it is not told
}

func findFacts(t testing.TB) *facts {
	t.Helper()
	names, err := os.ReadFile("/sys/kernel/btf/vmlinux")
	require.NoError(t, err)
	types, err := btf.LoadKernelSpec()
	require.NoError(t, err)
	_, err = os.Stat("/sys/kernel/tracing/kprobe_events")
	k := &facts{types: types, names: names, kprobes: err == nil}
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.Tracing, AttachType: ebpf.AttachTraceFEntry, AttachTo: "tcp_connect", License: "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
	})
	k.trampolines = err
	k.symbols, err = os.ReadFile("/proc/kallsyms")
	require.NoError(t, err)
	security := t.TempDir()
	require.NoError(t, unix.Mount("securityfs", security, "securityfs", 0, ""))
	defer func() { require.NoError(t, unix.Unmount(security, unix.MNT_DETACH)) }()
	if modules, err := os.ReadFile(security + "/lsm"); err == nil {
		k.modules = strings.Split(strings.TrimSpace(string(modules)), ",")
	}
	if modes, err := os.ReadFile(security + "/lockdown"); err == nil { // as in "none [integrity] confidentiality"
		_, mode, _ := strings.Cut(string(modes), "[")
		k.lockdown, _, _ = strings.Cut(mode, "]")
	}
	if err == nil {
		require.NoError(t, p.Close())
	}
	return k
}

// value tells whether an enum of the kernel has a value of this name.
func (k *facts) value(name string) bool {
	return bytes.Contains(k.names, append([]byte("\x00"+name), 0))
}

// member tells whether a struct of the kernel has a member of this name.
func (k *facts) member(of, name string) bool {
	var s *btf.Struct
	return k.types.TypeByName(of, &s) == nil && slices.ContainsFunc(s.Members, func(m btf.Member) bool { return m.Name == name })
}

// What several objects need.

func nothing(*facts) string { return "" }

func kprobes(k *facts) string {
	if !k.kprobes {
		return "kprobes: not compiled in (CONFIG_KPROBES)"
	}
	return ""
}

func trampoline(word, function string) func(k *facts) string {
	return func(k *facts) string {
		policy := "security policy"
		switch {
		case !errors.Is(k.trampolines, unix.EPERM):
			return ""
		case k.lockdown != "" && k.lockdown != "none":
			policy = "lockdown policy (" + k.lockdown + ")"
		}
		return function + ": " + word + " refused, trampolines are blocked by the kernel's " + policy
	}
}

// hookLacks says what a kernel lacks for a program of the hooks, or nothing.
func hookLacks(k *facts, program string) string {
	without := func(kind, value string) string {
		if k.value(value) {
			return ""
		}
		return kind + " " + value + ": not in this kernel"
	}
	switch program {
	case "on_tcx":
		return without("attach type", "BPF_TCX_INGRESS")
	case "on_netfilter":
		return without("program type", "BPF_PROG_TYPE_NETFILTER")
	case "on_kprobe", "on_kretprobe":
		return kprobes(k)
	case "on_kprobe_multi":
		if lacks := without("attach type", "BPF_TRACE_KPROBE_MULTI"); lacks != "" {
			return lacks
		}
		if lacks := kprobes(k); lacks != "" {
			return lacks
		}
		if !bytes.Contains(k.symbols, []byte(" register_fprobe_ips\n")) {
			return "kprobe.multi: not compiled in (CONFIG_FPROBE)"
		}
	case "on_fentry":
		return trampoline("fentry", "vfs_read")(k)
	case "on_fexit":
		return trampoline("fexit", "vfs_read")(k)
	case "on_lsm_file":
		if !slices.Contains(k.modules, "bpf") {
			return "lsm/file_open: would attach and see nothing, since \"bpf\" is not among the kernel's security modules (lsm=)"
		}
		return trampoline("lsm", "file_open")(k)
	}
	return ""
}
