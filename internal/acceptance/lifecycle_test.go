// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package acceptance

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
)

// Whether it is asked to end or killed, the collector leaves nothing in the kernel.
func TestCollectorLeavesNothing(t *testing.T) {
	live(t)
	livetest.CheckLeaks(t)
	for name, sig := range map[string]syscall.Signal{"SIGTERM": syscall.SIGTERM, "SIGKILL": syscall.SIGKILL} {
		t.Run(name, func(t *testing.T) {
			n := startNginx(t, noBackend)
			before := tracing(t)
			c := startCollector(t, "probes: {http: {}, process: {}}")
			run(t, "ab", "-q", "-k", "-n", "2000", "-c", "4", n.url("/hello"))
			held := heldBy(t, c.pid())
			for _, kind := range []string{"prog", "link"} {
				require.NotEmpty(t, held[kind], "the collector holds no %s: the test sees nothing", kind)
			}
			known := byBpftool(t)
			for kind, ids := range held {
				require.Subset(t, known[kind], ids, "bpftool does not know %s", kind)
			}
			c.stop(t, sig)
			// The kernel frees after a grace period.
			var left string
			for range 100 {
				if left = intersect(held, byBpftool(t)); left == "" {
					break
				}
				time.Sleep(100 * time.Millisecond)
			}
			assert.Empty(t, left, "left in the kernel")
			assert.Equal(t, before, tracing(t), "tracefs and the BPF file system")
			// It works as before without the collector.
			assert.Contains(t, run(t, "curl", "-sS", n.url("/hello")), "hello")
		})
	}
}

// heldBy gives the IDs of the BPF objects that the process holds by its
// descriptors, by bpftool's word for their kind.
func heldBy(t *testing.T, pid int) map[string][]int {
	t.Helper()
	infos, err := filepath.Glob(fmt.Sprintf("/proc/%d/fdinfo/*", pid))
	require.NoError(t, err)
	found := map[string][]int{}
	for _, path := range infos {
		b, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			continue
		}
		require.NoError(t, err)
		for line := range strings.Lines(string(b)) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
			kind, isID := strings.CutSuffix(key, "_id")
			if !isID || !slices.Contains([]string{"prog", "map", "link"}, kind) {
				continue
			}
			id, err := strconv.Atoi(strings.TrimSpace(value))
			require.NoError(t, err, line)
			if !slices.Contains(found[kind], id) {
				found[kind] = append(found[kind], id)
			}
		}
	}
	return found
}

// byBpftool gives the IDs of all BPF objects.
func byBpftool(t *testing.T) map[string][]int {
	t.Helper()
	found := map[string][]int{}
	for _, kind := range []string{"prog", "map", "link"} {
		var objects []struct {
			ID int `json:"id"`
		}
		require.NoError(t, json.Unmarshal([]byte(run(t, "bpftool", "-j", kind, "show")), &objects))
		for _, o := range objects {
			found[kind] = append(found[kind], o.ID)
		}
	}
	return found
}

// intersect tells which of the IDs still exist.
func intersect(held, exist map[string][]int) string {
	var left []string
	for kind, ids := range held {
		for _, id := range ids {
			if slices.Contains(exist[kind], id) {
				left = append(left, fmt.Sprint(kind, " ", id))
			}
		}
	}
	slices.Sort(left)
	return strings.Join(left, ", ")
}

// tracing gives what there is of events and instances in tracefs, and of pins.
func tracing(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, file := range []string{"kprobe_events", "uprobe_events", "dynamic_events"} {
		b, err := os.ReadFile("/sys/kernel/tracing/" + file)
		if os.IsNotExist(err) {
			continue // not in this kernel, or not mounted
		}
		require.NoError(t, err)
		found = append(found, string(b))
	}
	for _, pattern := range []string{"/sys/kernel/tracing/instances/*", "/sys/fs/bpf/*"} {
		names, err := filepath.Glob(pattern)
		require.NoError(t, err)
		found = append(found, names...)
	}
	return found
}
