// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package live

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"golang.org/x/sys/unix"

	"github.com/ebpfreceiver/ebpfreceiver/internal/kernel"
	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/metadata"
	"github.com/ebpfreceiver/ebpfreceiver/receiver"
)

// tell starts a receiver with its defaults and tells in a line how that went.
// "bare" takes away the file systems of tracing and BPF first.
func tell(args []string) error {
	if args[0] == "bare" {
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			return fmt.Errorf("private mounts: %w", err)
		}
		for _, path := range []string{"/sys/kernel/tracing", "/sys/kernel/debug", "/sys/fs/bpf", "/sys/kernel/security"} {
			for unix.Unmount(path, unix.MNT_DETACH) == nil {
			}
		}
	}
	f := receiver.NewFactory()
	logs, err := f.CreateLogs(context.Background(), receivertest.NewNopSettings(metadata.Type), f.CreateDefaultConfig(), consumertest.NewNop())
	if err != nil {
		return err
	}
	h := &host{Host: componenttest.NewNopHost()}
	if err := logs.Start(context.Background(), h); err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, h.last.Status(), h.last.Err())
	return logs.Shutdown(context.Background())
}

// everyone makes a copy of the test binary that every user can run.
func everyone(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "live")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755))
	in, err := os.Open("/proc/self/exe")
	require.NoError(t, err)
	defer in.Close()
	path := filepath.Join(dir, "receiver")
	out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755)
	require.NoError(t, err)
	_, err = io.Copy(out, in)
	require.NoError(t, err)
	require.NoError(t, out.Close())
	return path
}

// TestRights: what a right that is missing costs is said in one sentence, and
// nothing is fatal.
func TestRights(t *testing.T) {
	livetest.RequireRoot(t)
	livetest.CheckLeaks(t)
	k, err := kernel.Running(t.Context())
	require.NoError(t, err)
	program := everyone(t)
	_, _, runs := choices(t)
	_, all := runs["process"]
	as := func(capabilities ...kernel.Capability) *syscall.SysProcAttr {
		attr := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		for _, c := range capabilities {
			if k.Capabilities().Has(c) {
				attr.AmbientCaps = append(attr.AmbientCaps, uintptr(c))
			}
		}
		return attr
	}
	const capSysResource kernel.Capability = 24 // to lock memory for maps, before 5.11
	well := componentstatus.StatusOK.String() + " <nil>"
	for _, c := range []struct {
		name string
		attr *syscall.SysProcAttr
		args string
		want string
	}{
		{"enough", as(kernel.CapBPF, kernel.CapPerfmon, kernel.CapSysPtrace, capSysResource), "", well},
		{"no CAP_BPF", as(kernel.CapPerfmon, kernel.CapSysPtrace, capSysResource), "", "CAP_BPF is missing"},
		{"no CAP_PERFMON", as(kernel.CapBPF, kernel.CapSysPtrace, capSysResource), "", "CAP_PERFMON is missing"},
		{"plain user", as(), "", "CAP_BPF is missing"},
		{"no tracefs and no bpffs", &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS}, "bare", well},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := exec.Command(program, c.args)
			cmd.Env = []string{roleKey + "=tell"}
			cmd.Stdin = strings.NewReader("\n")
			cmd.SysProcAttr = c.attr
			var out, failure bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &failure
			require.NoError(t, cmd.Run(), "%s", &failure)
			text := strings.TrimSpace(out.String())
			t.Log(text)
			if c.want == well && !all {
				t.Skip("this kernel does not let the probes run anyway")
			}
			assert.Contains(t, text, c.want)
			assert.NotContains(t, text, "\n")
			assert.Less(t, len(text), 400, "a sentence")
		})
	}
}
