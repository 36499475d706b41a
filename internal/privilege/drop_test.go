// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package privilege

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/kernel"
)

const roleKey = "PRIVILEGE_ROLE"

func TestMain(m *testing.M) {
	if os.Getenv(roleKey) == "" {
		os.Exit(m.Run())
	}
	if err := dropEverywhere(); err != nil {
		fmt.Fprintln(os.Stdout, err)
		os.Exit(1)
	}
}

// status reads the effective and permitted capabilities of a thread.
func status(thread string) (string, error) {
	text, err := os.ReadFile(thread)
	if err != nil {
		return "", err
	}
	var found []string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "CapEff:") || strings.HasPrefix(line, "CapPrm:") {
			found = append(found, strings.Fields(line)[1])
		}
	}
	return strings.Join(found, " "), nil
}

// dropEverywhere gives up capabilities with some threads at work, and looks at all of them.
func dropEverywhere() error {
	for range 8 {
		go func() {
			for {
				time.Sleep(time.Microsecond)
			}
		}()
	}
	dropped, err := Drop([]kernel.Capability{kernel.CapSysAdmin, kernel.CapBPF})
	if err != nil {
		return err
	}
	if len(dropped) != 2 {
		return fmt.Errorf("dropped %v", dropped)
	}
	if again, err := Drop(dropped); err != nil || len(again) > 0 {
		return fmt.Errorf("the second time: %v, %w", again, err)
	}
	threads, err := filepath.Glob("/proc/self/task/*/status")
	if err != nil || len(threads) < 3 {
		return fmt.Errorf("%d threads: %w", len(threads), err)
	}
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		for line := range strings.Lines(string(text)) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), ":\t")
			if key != "CapEff" && key != "CapPrm" && key != "CapAmb" {
				continue
			}
			var set uint64
			if _, err := fmt.Sscanf(value, "%x", &set); err != nil {
				return err
			}
			if set&(1<<kernel.CapSysAdmin|1<<kernel.CapBPF) != 0 {
				return fmt.Errorf("%s: %s", thread, line)
			}
			if key == "CapPrm" && set == 0 {
				return errors.New("everything is gone")
			}
		}
	}
	return nil
}

func TestDrop(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: gives up capabilities")
	}
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(exe)
	cmd.Env = []string{roleKey + "=drop"}
	out, err := cmd.CombinedOutput()
	if strings.Contains(string(out), ErrCgo.Error()) {
		t.Skip("the race detector needs cgo, and with that it does not work: ", string(out))
	}
	require.NoError(t, err, "%s", out)
}

func TestWithoutLeavesOtherThreadsAlone(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: gives up capabilities")
	}
	before, err := status("/proc/self/task/" + fmt.Sprint(os.Getpid()) + "/status")
	require.NoError(t, err)
	var inside string
	require.NoError(t, Without(Loading(), func() (err error) {
		inside, err = status("/proc/thread-self/status")
		return err
	}))
	assert.NotEqual(t, before, inside)
	cause := errors.New("refused")
	assert.ErrorIs(t, Without(nil, func() error { return cause }), cause)
	after, err := status("/proc/self/task/" + fmt.Sprint(os.Getpid()) + "/status")
	require.NoError(t, err)
	assert.Equal(t, before, after)
}
