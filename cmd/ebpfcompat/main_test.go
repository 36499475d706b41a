// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/kernel"
)

const (
	testdata = "../../internal/compat/testdata/"
	cache    = "../../.cache/kernels/"
)

// stored gives the directory of a fetched kernel.
func stored(t *testing.T, pattern string) string {
	t.Helper()
	dirs, err := filepath.Glob(cache + pattern)
	require.NoError(t, err)
	if len(dirs) == 0 {
		t.Skipf("no kernel %s in .cache/kernels: run internal/kernels/fetch.sh", pattern)
	}
	return dirs[len(dirs)-1]
}

func execute(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = run(t.Context(), args, &out, &err)
	return code, out.String(), err.String()
}

func TestBadInput(t *testing.T) {
	junk := filepath.Join(t.TempDir(), "vmlinuz")
	require.NoError(t, os.WriteFile(junk, []byte("this is no kernel"), 0o600))
	object := testdata + "drift.bpf.elf"
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no command":      {nil, "Usage"},
		"unknown command": {[]string{"chekc"}, `unknown command "chekc"`},
		"unknown flag":    {[]string{"check", "--kernal", "x"}, "kernal"},
		"argument":        {[]string{"check", "x"}, `takes no argument "x"`},
		"both":            {[]string{"check", "--kernel", "a", "--btf", "b"}, "exclude each other"},
		"output":          {[]string{"check", "--output", "xml"}, `not "xml"`},
		"lockdown":        {[]string{"check", "--lockdown", "full"}, `not "full"`},
		"live lockdown":   {[]string{"check", "--object", object, "--lockdown", "none"}, "for stored kernels"},
		"no such kernel":  {[]string{"check", "--object", object, "--kernel", "/no/such/file"}, "no such file"},
		"no kernel":       {[]string{"check", "--object", object, "--kernel", junk}, "neither BTF nor a kernel image"},
		"empty directory": {[]string{"matrix", "--object", object, t.TempDir()}, "no vmlinuz, vmlinux or BTF file"},
		"no object":       {[]string{"check", "--object", junk}, "read the object"},
		"one kernel":      {[]string{"diff", "--object", object, junk}, "OLD NEW"},
		"no needs":        {[]string{"needs"}, "takes one BPF object"},
		"no program":      {[]string{"needs", "--program", "nope", object}, `no program "nope"`},
		"no directory":    {[]string{"matrix"}, "takes directories"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, stderr := execute(t, c.args...)
			assert.Equal(t, exitBadInput, code)
			assert.Contains(t, stderr, c.want)
		})
	}
}

// Flags may stand where they come to mind, as with most commands.
func TestFlagsAfterOperands(t *testing.T) {
	object := testdata + "drift.bpf.elf"
	_, before, _ := execute(t, "needs", "--output", "json", "--program", "unlink", object)
	code, after, stderr := execute(t, "needs", object, "--output", "json", "--program=unlink")
	assert.Equal(t, exitFine, code, stderr)
	assert.Equal(t, before, after)
	assert.True(t, json.Valid([]byte(after)))

	code, _, stderr = execute(t, "needs", "--", "--output")
	assert.Equal(t, exitBadInput, code)
	assert.Contains(t, stderr, "--output: no such file", "what comes after -- is an operand")
	code, _, stderr = execute(t, "diff", "a", "--object", object)
	assert.Equal(t, exitBadInput, code)
	assert.Contains(t, stderr, "OLD NEW")
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{"help"}, {"--help"}, {"check", "-h"}} {
		code, stdout, _ := execute(t, args...)
		assert.Equal(t, exitFine, code)
		assert.Equal(t, usage, stdout)
	}
}

func TestCheckStored(t *testing.T) {
	k := stored(t, "6.12.*-amd64")
	code, stdout, _ := execute(t, "check", "--object", testdata+"kfuncs.bpf.elf", "--kernel", k)
	assert.Equal(t, exitUnsupported, code)
	assert.Contains(t, stdout, "present         full         tp_btf/sched_process_exit")
	assert.Contains(t, stdout, "kfunc bpf_no_such_kfunc: not in this kernel")

	code, stdout, _ = execute(t, "check", "--object", testdata+"kfuncs.bpf.elf", "--kernel", k, "--output", "json")
	assert.Equal(t, exitUnsupported, code)
	var outcomes []struct {
		Release string
		Probes  []struct{ Probe, State string }
	}
	require.NoError(t, json.Unmarshal([]byte(stdout), &outcomes))
	require.Len(t, outcomes, 1)
	assert.Equal(t, filepath.Base(k), outcomes[0].Release)
	assert.Len(t, outcomes[0].Probes, 7)
}

// TestCheckOtherArchitecture: a directory may have kernels of all machines, and
// what is shipped for each is checked against its own.
func TestCheckOtherArchitecture(t *testing.T) {
	amd, arm := stored(t, "6.12.*-amd64"), stored(t, "6.12.*-arm64")
	dir := t.TempDir()
	for _, k := range []string{amd, arm} {
		path, err := filepath.Abs(k)
		require.NoError(t, err)
		require.NoError(t, os.Mkdir(filepath.Join(dir, filepath.Base(k)), 0o700))
		require.NoError(t, os.Symlink(filepath.Join(path, "vmlinuz"), filepath.Join(dir, filepath.Base(k), "vmlinuz")))
	}
	code, stdout, stderr := execute(t, "check", "--btf", dir)
	assert.Equal(t, exitDegraded, code, stderr)
	assert.Contains(t, stdout, "\ncannot see\n  discovery: the port of a server that listens without bind", "each loss once, with who suffers it")
	assert.Contains(t, stdout, "kernel "+filepath.Base(amd)+", debian, x86_64\n")
	assert.Contains(t, stdout, "kernel "+filepath.Base(arm)+", debian, aarch64\n")
}

func TestDiff(t *testing.T) {
	object := testdata + "drift.bpf.elf"
	for _, c := range []struct {
		name, old, now string
		want           []string
	}{
		{"changed signature", "6.1.*-amd64", "6.12.*-amd64", []string{
			"worse      accept_fourth: full (fexit/inet_csk_accept) -> unsupported\n",
			"fexit/inet_csk_accept: signature differs: the program reads argument 4, the kernel's has 2: " +
				"(struct sock *sk, struct proto_accept_arg *arg); it was (struct sock *sk, int flags, int *err, bool kern)\n",
			"unchanged  accept_first: full (fexit/inet_csk_accept)\n",
		}},
		{"renamed field", "5.10.*-amd64", "6.1.*-amd64", []string{
			"worse      task_state: full (tp_btf/sched_switch) -> unsupported\n",
			"tp_btf/sched_switch: field task_struct.state: not in struct\n",
			"no longer the case: lsm/file_open",
		}},
		{"renamed function", "6.12.*-amd64", "7.*-amd64", []string{
			"worse      unlink: full (kprobe/do_unlinkat) -> unsupported\n",
			"kprobe/do_unlinkat: this kernel has no function do_unlinkat (removed, renamed or inlined)\n",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, stdout, _ := execute(t, "diff", "--object", object, stored(t, c.old), stored(t, c.now))
			assert.Equal(t, exitDegraded, code)
			for _, want := range c.want {
				assert.Contains(t, stdout, want)
			}
		})
	}
	t.Run("changed signature under a kprobe", func(t *testing.T) {
		code, stdout, _ := execute(t, "diff", "--object", testdata+"kprobes.bpf.elf", stored(t, "6.1.*-amd64"), stored(t, "6.12.*-amd64"))
		assert.Equal(t, exitDegraded, code)
		assert.Contains(t, stdout, "worse      fourth: full (kprobe/inet_csk_accept) -> unsupported\n           "+
			"kprobe/inet_csk_accept: signature differs: the program reads argument 4, the kernel's has 2: "+
			"(struct sock *sk, struct proto_accept_arg *arg); it was (struct sock *sk, int flags, int *err, bool kern)\n")
		assert.Contains(t, stdout, "unchanged  first: full (kprobe/inet_csk_accept)\n")
	})
	t.Run("nothing", func(t *testing.T) {
		k := stored(t, "6.12.*-amd64")
		code, stdout, _ := execute(t, "diff", "--object", object, k, k)
		assert.Equal(t, exitFine, code)
		assert.NotContains(t, stdout, "worse")
	})
}

func TestMatrix(t *testing.T) {
	k := stored(t, "6.12.*-amd64")
	release := filepath.Base(k)
	code, stdout, _ := execute(t, "matrix", "--object", testdata+"maps.bpf.elf", "--lockdown", "none,integrity", "--booted", release, k)
	assert.Equal(t, exitFine, code)
	assert.Contains(t, stdout, "| kernel | architecture | lockdown | known by | arena | hash | loops | ring |\n")
	assert.Contains(t, stdout, "| "+release+" | x86_64 | none | booted | full | full | full | full |\n")
	assert.Contains(t, stdout, "| "+release+" | x86_64 | integrity | booted | full | full | full | full |\n")
}

// TestKernelWithoutBTF is no bad input: nothing runs there, and an update to it is
// to be refused.
func TestKernelWithoutBTF(t *testing.T) {
	// As much of an arm64 Image as makes it a kernel.
	image := make([]byte, 0x40)
	copy(image[0x38:], "ARM\x64")
	image = append(image, "Linux version 6.12.0-custom (someone@example.org) #1 SMP\n"...)
	path := filepath.Join(t.TempDir(), "Image")
	require.NoError(t, os.WriteFile(path, image, 0o600))

	code, stdout, stderr := execute(t, "check", "--kernel", path)
	assert.Equal(t, exitUnsupported, code, stderr)
	assert.Contains(t, stdout, "kernel 6.12.0-custom, aarch64\n")
	assert.Equal(t, 1, strings.Count(stdout, "the kernel has no BTF type information (CONFIG_DEBUG_INFO_BTF)\n"), "one sentence")

	code, stdout, stderr = execute(t, "diff", stored(t, "6.12.*-arm64"), path)
	assert.Equal(t, exitDegraded, code, stderr)
	assert.Contains(t, stdout, "worse      discovery: full (tp_btf) -> unsupported\n")
	assert.Contains(t, stdout, "the kernel has no BTF type information (CONFIG_DEBUG_INFO_BTF)\n")
}

// TestMatrixWarns: what still works is said to be about to go.
func TestMatrixWarns(t *testing.T) {
	code, stdout, _ := execute(t, "matrix", "--object", testdata+"kfuncs.bpf.elf", stored(t, "7.*-amd64"))
	assert.Equal(t, exitFine, code)
	assert.Contains(t, stdout, "]: warning: kfunc bpf_obj_new_impl: replaced by bpf_obj_new in this kernel and kept for older programs\n")
}

func TestNeeds(t *testing.T) {
	code, stdout, _ := execute(t, "needs", "--program", "ring", testdata+"maps.bpf.elf")
	assert.Equal(t, exitFine, code)
	assert.Equal(t, `uapi
  program type BPF_PROG_TYPE_TRACING [ring]
  attach type BPF_TRACE_RAW_TP [ring]
  map type BPF_MAP_TYPE_RINGBUF [ring]
helper
  helper bpf_ringbuf_reserve [ring]
  helper bpf_ringbuf_submit [ring]
tracepoint
  hook tp_btf/sched_process_exit [ring]
`, stdout)
}

func TestCheckRunning(t *testing.T) {
	if _, err := os.Stat("/sys/kernel/btf/vmlinux"); err != nil {
		t.Skip("this kernel has no BTF: ", err)
	}
	k, err := kernel.Running(t.Context())
	require.NoError(t, err)
	code, stdout, stderr := execute(t, "check", "--object", testdata+"maps.bpf.elf")
	assert.NotEqual(t, exitBadInput, code, stderr)
	assert.Contains(t, stdout, "kernel "+k.Release)
}
