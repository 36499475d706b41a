// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package object_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
)

// hooks are the programs of the object, with what they need besides their sections, and
// the value of the enum that their calls are counted under.
var hooks = []struct{ program, attach, counter string }{
	{"on_raw_tp", "", "RAW_TP"},
	{"on_tp_btf", "", "TP_BTF"},
	{"on_tracepoint", "", "TRACEPOINT"},
	{"on_perf_event", "{frequency: 200}", "PERF_EVENT"},
	{"on_cgroup_skb", "", "CGROUP_SKB"},
	{"on_cgroup_connect", "", "CGROUP_CONNECT"},
	{"on_sk_msg", "{map: sockets}", "SK_MSG"},
	{"on_sockops", "", "SOCKOPS"},
	{"on_tcx", "{interfaces: [lo]}", "TCX"},
	{"on_xdp", "{interfaces: [lo], mode: generic}", "XDP"},
	{"on_socket", "{interfaces: [lo]}", "SOCKET"},
	{"on_uprobe", "", "UPROBE"},
	{"on_uretprobe", "", "URETPROBE"},
	{"on_uprobe_multi", "", "UPROBE_MULTI"},
	{"on_usdt", "", "USDT"},
	{"on_kprobe", "", "KPROBE"},
	{"on_kretprobe", "", "KRETPROBE"},
	{"on_kprobe_multi", "", "KPROBE_MULTI"},
	{"on_fentry", "", "FENTRY"},
	{"on_fexit", "", "FEXIT"},
	{"on_lsm_file", "", "LSM_FILE"},
	{"on_netfilter", "{hook: local_in}", "NETFILTER"},
}

// Each kind of hook calls its program. What a kernel does not have is said so.
func TestLiveHooks(t *testing.T) {
	livetest.RequireRoot(t)
	livetest.Tracefs(t)
	if _, err := os.Stat("/usr/bin/python3.11"); err != nil {
		t.Skip("needs Debian's python3.11")
	}
	k := findFacts(t)
	var programs, attach []string
	for _, h := range hooks {
		if lacks := hookLacks(k, h.program); lacks != "" {
			t.Run(h.counter, func(t *testing.T) {
				_, err := tryStart(t, fmt.Sprintf("{path: %s, programs: [%s]}", object("hooks"), h.program), "")
				require.EqualError(t, err, "probe object/test does not run: "+lacks)
				t.Skip("not on this kernel: ", lacks)
			})
			continue
		}
		programs = append(programs, h.program)
		if h.attach != "" {
			attach = append(attach, h.program+": "+h.attach)
		}
	}
	o := start(t, fmt.Sprintf("{path: %s, programs: [%s], attach: {%s}}", object("hooks"), strings.Join(programs, ", "), strings.Join(attach, ", ")), "")
	for _, h := range hooks {
		if hookLacks(k, h.program) == "" {
			o.called(t, h.counter)
		}
	}
}

// called waits until a hook has called its program.
func (o *observed) called(t testing.TB, counter string) {
	t.Helper()
	until(t, "calls of "+counter, func() bool {
		for _, p := range o.points("hook.calls") {
			if p.attrs["hook"] == counter && p.number > 0 {
				return true
			}
		}
		happen(t)
		return false
	})
}

// happen makes something that each hook sees.
func happen(t testing.TB) {
	t.Helper()
	require.NoError(t, exec.Command("/usr/bin/python3.11", "-S", "-c", "import os, gc; os.getppid(); gc.collect()").Run())
	connect(t)
}

// connect sends something through a connection over the loopback interface.
func connect(t testing.TB) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	go func() {
		if c, err := l.Accept(); err == nil {
			_, _ = c.Read(make([]byte, 16))
			_ = c.Close()
		}
	}()
	c, err := net.Dial("tcp4", l.Addr().String())
	require.NoError(t, err)
	_, err = c.Write([]byte("hello"))
	require.NoError(t, err)
	_, _ = c.Read(make([]byte, 1))
	require.NoError(t, c.Close())
	time.Sleep(50 * time.Millisecond)
}

// The example of the package receiver/probe gives the same telemetry as an object, of which
// no more than the path is said.
func TestLiveExampleByTags(t *testing.T) {
	program := copyOf(t, "/bin/sleep")
	o := start(t, "path: "+object("execs"), targets(program))
	cmd := exec.Command(program, "60")
	require.NoError(t, cmd.Start())
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	require.NoError(t, exec.Command("/bin/true").Run()) // it is not selected
	until(t, "the record", func() bool { return o.logs.LogRecordCount() > 0 })
	o.balanced(1)
	o.stop()
	records := o.logRecords()
	require.Len(t, records, 1)
	assert.Equal(t, "watched", records[0].resource["service.name"])
	assert.Equal(t, "example.exec", records[0].EventName())
	assert.Equal(t, plog.SeverityNumberInfo, records[0].SeverityNumber())
	assert.EqualValues(t, cmd.Process.Pid, records[0].resource["process.pid"])
	assert.Equal(t, map[string]any{"process.pid": int64(cmd.Process.Pid)}, records[0].attrs())
	assert.Equal(t, fmt.Sprintf("process %d ran an executable", cmd.Process.Pid), records[0].Body().Str())
}

// Variants are tried in order.
func TestLiveVariants(t *testing.T) {
	livetest.RequireRoot(t)
	o := start(t, fmt.Sprintf(`
variants:
  - {name: unknown_hook, path: %[1]s, programs: [on_tracepoint], loses: [nothing]}
  - {name: raw_tp, path: %[1]s, programs: [on_raw_tp], loses: [what only tracepoints see]}
attach: {on_tracepoint: {to: sched/no_such_tracepoint}}
`, object("hooks")), "")
	o.called(t, "RAW_TP")
}
