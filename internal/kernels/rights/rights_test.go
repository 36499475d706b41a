// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package rights

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/kernel"
	"github.com/ebpfreceiver/ebpfreceiver/internal/kernels/support"
	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
)

// roleKey names, in the environment, what the test binary does instead of testing.
const roleKey = "RIGHTS_ROLE"

func TestMain(m *testing.M) {
	role := map[string]func() error{"observe": observe, "serve": serve}[os.Getenv(roleKey)]
	if role == nil {
		os.Exit(m.Run())
	}
	if err := role(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// The programs that rights can make a difference for.
const (
	foreign = "programs of other users"
	private = "programs whose file only their user may read"
	deleted = "programs whose file is deleted"
)

const record = "../support/rights.json"

// observer is a receiver in a process of its own, as a user that is not root.
type observer struct {
	has    []kernel.Capability
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	failed *bytes.Buffer

	runs support.Told
	// things has what it said, as "PROBE WHAT of PROGRAMS".
	things map[string]bool
}

func startObserver(t *testing.T, exe string, has []kernel.Capability) *observer {
	t.Helper()
	o := &observer{has: has, cmd: exec.Command(exe), failed: &bytes.Buffer{}, things: map[string]bool{}}
	o.cmd.Env = []string{roleKey + "=observe"}
	o.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	for _, c := range has {
		o.cmd.SysProcAttr.AmbientCaps = append(o.cmd.SysProcAttr.AmbientCaps, uintptr(c))
	}
	o.cmd.Stderr = o.failed
	var err error
	o.in, err = o.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := o.cmd.StdoutPipe()
	require.NoError(t, err)
	o.out = bufio.NewReader(out)
	require.NoError(t, o.cmd.Start())
	t.Cleanup(func() {
		if o.cmd.ProcessState == nil {
			_ = o.cmd.Process.Kill()
			_ = o.cmd.Wait()
		}
	})
	return o
}

// ask ends the receiver and takes what it saw of the programs.
func (o *observer) ask(t *testing.T, programs []*program) {
	t.Helper()
	_, err := io.WriteString(o.in, "\n")
	require.NoError(t, err, "%s", o.failed)
	var s said
	require.NoError(t, json.NewDecoder(o.out).Decode(&s), "%s", o.failed)
	require.NoError(t, o.cmd.Wait(), "%s", o.failed)
	o.runs = s.Runs
	for _, p := range programs {
		for _, thing := range s.Things[strconv.Itoa(p.cmd.Process.Pid)] {
			o.things[thing+" of "+p.kind] = true
		}
	}
}

// worse tells what it did not say, and another did.
func (o *observer) worse(than *observer) (r support.Right) {
	for _, name := range slices.Sorted(maps.Keys(than.runs)) {
		if variant, ok := o.runs[name]; !ok || variant != than.runs[name] {
			r.Stopped = append(r.Stopped, name)
		}
	}
	for _, thing := range slices.Sorted(maps.Keys(than.things)) {
		name, what, _ := strings.Cut(thing, " ")
		if !o.things[thing] && !slices.Contains(r.Stopped, name) {
			if r.Blind == nil {
				r.Blind = map[string][]string{}
			}
			r.Blind[name] = append(r.Blind[name], what)
		}
	}
	return r
}

// watch lets receivers with different capabilities watch the same programs.
func watch(t *testing.T, exe string, sets ...[]kernel.Capability) []*observer {
	t.Helper()
	var observers []*observer
	for _, has := range sets {
		observers = append(observers, startObserver(t, exe, has))
	}
	for _, o := range observers {
		_, err := o.out.ReadString('\n')
		require.NoError(t, err, "%s: %s", o.has, o.failed)
	}
	var programs []*program
	for _, kind := range []string{foreign, private, deleted} {
		programs = append(programs, run(t, filepath.Dir(exe), kind))
	}
	for range 4 {
		time.Sleep(500 * time.Millisecond)
		for _, p := range programs {
			p.work(t)
		}
	}
	for _, p := range programs {
		p.end(t)
	}
	time.Sleep(time.Second)
	for _, o := range observers {
		o.ask(t, programs)
	}
	return observers
}

func without(all []kernel.Capability, these ...kernel.Capability) []kernel.Capability {
	return slices.DeleteFunc(slices.Clone(all), func(c kernel.Capability) bool { return slices.Contains(these, c) })
}

var find = flag.Bool("find", false, "find the capabilities that are needed anew, which takes four minutes")

// TestRights takes each capability away that is on record: with them a receiver must say
// all that one with all capabilities says, and without any of them less. With
// UPDATE_GOLDEN=1 it writes the record.
func TestRights(t *testing.T) {
	livetest.RequireRoot(t)
	livetest.CheckLeaks(t)
	answerNames(t)
	dir, err := os.MkdirTemp("", "rights")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755))
	exe := filepath.Join(dir, "receiver")
	livetest.CopySelf(t, exe)
	k, err := kernel.Running(t.Context())
	require.NoError(t, err)
	all := k.Capabilities().List()

	known := &support.Rights{}
	if *find {
		for _, c := range needed(t, exe, all) {
			known.Capabilities = append(known.Capabilities, support.Right{Capability: c.String()})
		}
	} else {
		known, err = support.ReadRights(record)
		require.NoError(t, err)
	}
	exact := slices.DeleteFunc(slices.Clone(all), func(c kernel.Capability) bool { return !slices.Contains(known.Names(), c.String()) })
	require.Len(t, exact, len(known.Capabilities), "of %v on record", known.Names())
	sets := [][]kernel.Capability{all, exact}
	for _, c := range exact {
		sets = append(sets, without(exact, c))
	}
	var more support.Right
	var found *support.Rights
	for again := range 5 {
		// Seven receivers start at once: on a busy machine one may come too late for what it is to see.
		if more, found = compare(watch(t, exe, sets...), exact, k); again == 4 || assert.ObjectsAreEqual(known.Capabilities, found.Capabilities) && more.Stopped == nil && more.Blind == nil {
			break
		}
		t.Log("not what is on record; once more: ", more, found)
	}
	assert.Equal(t, support.Right{}, more, "something else is needed")
	for _, r := range found.Capabilities {
		assert.NotEmpty(t, len(r.Stopped)+len(r.Blind), "%s is not needed", r.Capability)
	}
	if os.Getenv("UPDATE_GOLDEN") == "1" {
		require.NoError(t, found.Write(record))
		return
	}
	if found.Kernel != known.Kernel || found.Arch != known.Arch {
		t.Skipf("the record is of kernel %s, %s", known.Kernel, known.Arch)
	}
	// Two kernels of one release may run other variants, as a vendor refuses some, and need the same.
	assert.Equal(t, known.Capabilities, found.Capabilities, "with the variants %v; on record are %v", found.Variants, known.Variants)
}

// compare tells what the second, which has exactly the capabilities in question, lacks of
// what the first says, and what each of the others, which lack one, lacks of the second.
func compare(observers []*observer, exact []kernel.Capability, k *kernel.Kernel) (more support.Right, found *support.Rights) {
	found = &support.Rights{Kernel: series.FindString(k.Release), Arch: k.Arch, Variants: observers[0].runs}
	for i, c := range exact {
		r := observers[i+2].worse(observers[1])
		r.Capability = c.String()
		found.Capabilities = append(found.Capabilities, r)
	}
	return observers[1].worse(observers[0]), found
}

var series = regexp.MustCompile(`^\d+\.\d+`)

// needed finds the capabilities that make a difference: first without those that include
// others, then without one at a time.
func needed(t *testing.T, exe string, all []kernel.Capability) []kernel.Capability {
	t.Helper()
	mighty := []kernel.Capability{kernel.CapSysAdmin, kernel.CapDACOverride}
	start := without(all, mighty...)
	observers := watch(t, exe, all, start)
	require.Equal(t, support.Right{}, observers[1].worse(observers[0]), "one of %v is needed", mighty)
	var need []kernel.Capability
	for some := range slices.Chunk(start, 8) {
		sets := [][]kernel.Capability{start}
		for _, c := range some {
			sets = append(sets, without(start, c))
		}
		observers := watch(t, exe, sets...)
		for i, c := range some {
			r := observers[i+1].worse(observers[0])
			t.Log(c, r)
			if len(r.Stopped)+len(r.Blind) > 0 {
				need = append(need, c)
			}
		}
	}
	return need
}
