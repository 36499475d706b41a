// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ebpfreceiver/ebpfreceiver/internal/compat"
	"github.com/ebpfreceiver/ebpfreceiver/internal/kernel"
	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
)

// asKey in the environment makes the test binary the command itself, "bare"
// after it has taken away the file systems of tracing and BPF.
const asKey = "EBPFCOMPAT_AS"

func TestMain(m *testing.M) {
	switch os.Getenv(asKey) {
	case "":
		os.Exit(m.Run())
	case "bare":
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			os.Exit(99)
		}
		for _, path := range []string{"/sys/kernel/tracing", "/sys/kernel/debug", "/sys/fs/bpf", "/sys/kernel/security"} {
			for unix.Unmount(path, unix.MNT_DETACH) == nil {
			}
		}
	}
	main()
}

// TestRights: whoever asks, the answer says in one sentence what is missing.
func TestRights(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give up rights one by one")
	}
	dir, err := os.MkdirTemp("", "ebpfcompat")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755))
	program := filepath.Join(dir, "ebpfcompat")
	livetest.CopySelf(t, program)

	as := func(capabilities ...uintptr) *syscall.SysProcAttr {
		return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}, AmbientCaps: capabilities}
	}
	for _, c := range []struct {
		name, role string
		attr       *syscall.SysProcAttr
		want       string // empty: as for root
	}{
		{"no CAP_BPF", "user", as(uintptr(kernel.CapPerfmon)), "CAP_BPF is missing: loading programs needs it (or CAP_SYS_ADMIN)"},
		{"no CAP_PERFMON", "user", as(uintptr(kernel.CapBPF)), "CAP_PERFMON is missing: programs that trace need it (or CAP_SYS_ADMIN)"},
		{"plain user", "user", as(), "CAP_BPF is missing: loading programs needs it (or CAP_SYS_ADMIN)"},
		{"no tracefs and no bpffs", "bare", &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := exec.Command(program, "check")
			cmd.Env = []string{asKey + "=" + c.role}
			cmd.SysProcAttr = c.attr
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			err := cmd.Run()
			code := 0
			if exit, ok := errors.AsType[*exec.ExitError](err); ok {
				code = exit.ExitCode()
			} else {
				require.NoError(t, err)
			}
			t.Log(stdout.String())
			assert.Empty(t, stderr.String())
			if c.want == "" {
				asRoot, _, _ := execute(t, "check")
				assert.Equal(t, asRoot, code, "discovery and the sockets need neither")
				assert.Contains(t, stdout.String(), "tracepoint: classic tracepoints: tracefs is not mounted (mount -t tracefs tracefs /sys/kernel/tracing)\n")
				return
			}
			assert.Equal(t, exitUnsupported, code)
			assert.Equal(t, 1, strings.Count(stdout.String(), "is missing"), "one sentence")
			assert.Contains(t, stdout.String(), ": "+c.want+"\n")
		})
	}
}

// TestCheckExplainsEveryRefusal: what the running kernel refuses is said in
// words, also where a better variant runs.
func TestCheckExplainsEveryRefusal(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("what the kernel refuses is known only to who may load programs")
	}
	k, err := kernel.Running(t.Context())
	require.NoError(t, err)
	set, err := prepare("")
	require.NoError(t, err)
	resolutions, err := set.Resolve(k)
	require.NoError(t, err)
	_, stdout, _ := execute(t, "check")
	for _, r := range resolutions {
		for _, rejected := range r.Rejected {
			if r.State == compat.None {
				continue
			}
			for _, sentence := range rejected.Sentences() {
				parts := strings.SplitN(sentence, ": ", 3)
				if more := regexp.MustCompile(regexp.QuoteMeta(r.Probe+": "+parts[0]) + ": .* and [0-9]+ more: " + regexp.QuoteMeta(parts[len(parts)-1]) + "\n"); more.MatchString(stdout) {
					continue
				}
				assert.Contains(t, stdout, r.Probe+": "+sentence+"\n")
			}
		}
	}
}
