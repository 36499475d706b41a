// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package live

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ebpfreceiver/ebpfreceiver/internal/kernels/support"
	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
)

// costs lets the kernel measure the time that programs run, until the test ends.
func costs(t *testing.T) {
	t.Helper()
	stats, err := ebpf.EnableStats(uint32(unix.BPF_STATS_RUN_TIME))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stats.Close()) })
}

// spent is how long the programs ran whose names have the prefix, in all and
// each. What leads to them (a trampoline, a breakpoint, a tracepoint's record) is
// not in it.
func spent(t *testing.T, prefix string) (all time.Duration, each []string) {
	t.Helper()
	for _, p := range livetest.Programs(t) {
		if strings.HasPrefix(p.Name, prefix) && p.Calls > 0 {
			all += p.Time
			each = append(each, fmt.Sprintf("%s %d × %d ns", p.Name, p.Calls, p.Time.Nanoseconds()/int64(p.Calls)))
		}
	}
	slices.Sort(each)
	return all, each
}

// tellCosts tells what the programs of a receiver that still runs cost the workload.
func tellCosts(t *testing.T, w *workload) {
	t.Helper()
	for _, of := range []struct {
		prefix, unit string
		n            int
	}{{"socket_", "exchange", w.exchanges()}, {"process_", "process", len(w.exits)}} {
		if all, each := spent(t, of.prefix); len(each) > 0 {
			// For the log of the host, too.
			fmt.Fprintf(os.Stdout, "%s%s: %s*: %d ns for each %s: %s\n", support.CostMark, t.Name(), of.prefix,
				all.Nanoseconds()/int64(of.n), of.unit, strings.Join(each, ", "))
		}
	}
}
