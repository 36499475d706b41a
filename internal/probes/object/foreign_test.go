// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && amd64

package object_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"golang.org/x/sys/unix"

	"github.com/ebpfreceiver/ebpfreceiver/internal/kernels"
	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest/foreign"
)

// foreigner is an object that nobody here wrote.
type foreigner struct {
	name    string
	section string // of the configuration; %[1]s is the object's path
	// lacks is the sentence that says why a kernel cannot run it, or empty.
	lacks func(k *facts) string
	// causes makes happen what the object observes, and gives what then checks the telemetry.
	// Each runs after those before it, while all objects are attached.
	causes func(t *testing.T, o *observed) (check func(t *testing.T))
}

// facts are what the tests find out of a kernel by themselves: not as the receiver does, and
// without its version.
type facts struct {
	types       *btf.Spec
	names       []byte // of the types, in them
	kprobes     bool
	trampolines error
	lockdown    string // none, integrity or confidentiality; empty if it is not told
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
	security := t.TempDir()
	require.NoError(t, unix.Mount("securityfs", security, "securityfs", 0, ""))
	defer func() { require.NoError(t, unix.Unmount(security, unix.MNT_DETACH)) }()
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

// Objects that nobody here wrote, in one receiver: what they say is right, or why the kernel
// cannot run them.
func TestAnyKernelForeign(t *testing.T) {
	livetest.RequireRoot(t)
	livetest.Tracefs(t)
	dir := kernels.Extra
	if os.Getenv(kernels.InGuest) == "" {
		dir = t.TempDir()
		gotten(t, dir, foreign.All(dir))
	}
	self, err := os.Executable()
	require.NoError(t, err)
	k := findFacts(t)
	all := slices.Concat(foreignNetwork(t), foreignProcesses(t))
	sections := map[string]string{}
	for _, f := range all {
		sections["object/"+f.name] = fmt.Sprintf(f.section, filepath.Join(dir, f.name+foreign.Ext))
	}
	core, logs := observer.New(zap.InfoLevel)
	o, err := startAll(t, sections, targets(self), "degrade", zap.New(core))
	require.NoError(t, err)
	told := map[string]string{}
	for _, entry := range logs.FilterMessage("Probe does not run").All() {
		m := entry.ContextMap()
		told[m["probe"].(string)] = m["error"].(string)
	}
	checks := map[string]func(t *testing.T){}
	for _, f := range all {
		lacks := f.lacks(k)
		assert.Equal(t, lacks, told["object/"+f.name], f.name)
		if lacks == "" && told["object/"+f.name] == "" {
			checks[f.name] = f.causes(t, o)
		}
	}
	for _, f := range all {
		t.Run(f.name, func(t *testing.T) {
			if checks[f.name] == nil {
				t.Skip("not on this kernel: ", told["object/"+f.name])
			}
			checks[f.name](t)
		})
	}
	t.Run("account", func(t *testing.T) {
		for _, f := range all {
			if checks[f.name] == nil || !strings.Contains(f.section, "log:") && !strings.Contains(f.section, "span:") {
				continue // the unit is a record
			}
			var a map[string]int64
			until(t, f.name+" to be counted", func() bool { a = o.accountOf("object/" + f.name); return a["seen"] > 0 })
			assert.Equal(t, a["seen"], a["delivered"]+a["filtered"]+a["lost"], "%s: %v", f.name, a)
			t.Log(f.name, a)
		}
	})
}
