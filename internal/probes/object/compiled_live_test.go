// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && amd64

package object_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest/foreign"
)

// example compiles one of the examples in C that the library which loads programs comes with.
func example(t testing.TB, name string) string {
	t.Helper()
	livetest.RequireRoot(t)
	path, err := foreign.Example(name, t.TempDir())
	return gotten(t, path, err)
}

// gotten skips the test if what an object is made of is not installed, but in CI.
func gotten(t testing.TB, path string, err error) string {
	t.Helper()
	if errors.Is(err, foreign.ErrMissing) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	require.NoError(t, err)
	return path
}

// xdp counts packets by their source, in an LRU map.
func TestLiveExampleXDP(t *testing.T) {
	o := start(t, `
path: `+example(t, "xdp")+`
attach: {xdp_prog_func: {interfaces: [lo], mode: generic}}
outputs:
  - map: xdp_stats_map
    metric: {name: packets, type: sum, unit: "{packet}"}
    attributes: {key: {name: source.address, as: ipv4}}
`, "")
	const source, packets = "127.0.0.77", 321
	to, err := net.ListenPacket("udp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer to.Close()
	from, err := net.ListenPacket("udp4", source+":0")
	require.NoError(t, err)
	defer from.Close()
	for range packets {
		_, err := from.WriteTo([]byte("x"), to.LocalAddr())
		require.NoError(t, err)
	}
	counted := func() float64 {
		for _, p := range o.points("packets") {
			if p.attrs["source.address"] == source {
				return p.number
			}
		}
		return 0
	}
	until(t, "the packets", func() bool { return counted() >= packets })
	o.stop()
	assert.EqualValues(t, packets, counted())
}

// tcx counts into global variables. What it returns ends the chain of programs, which it must be
// allowed to.
func TestLiveExampleTCX(t *testing.T) {
	path := example(t, "tcx")
	section := `
path: ` + path + `
attach:
  ingress_prog_func: {interfaces: [lo], direction: ingress}
  egress_prog_func: {interfaces: [lo], direction: egress}
outputs:
  - {global: ingress_pkt_count, metric: {name: in, type: sum}}
  - {global: egress_pkt_count, metric: {name: out, type: sum}}
`
	_, err := tryStart(t, section, "")
	require.ErrorContains(t, err, "does more than observe: it returns 0, and so decides on packets in place of the programs after it; -1 observes only. It is refused without allow_enforcement: true")
	o := start(t, section+"allow_enforcement: true", "")
	before := received(t)
	for range 20 {
		connect(t)
	}
	sent := received(t) - before
	until(t, "the packets", func() bool {
		in, out := o.points("in"), o.points("out")
		return len(in) == 1 && len(out) == 1 && in[0].number >= sent && out[0].number >= sent
	})
	o.stop()
	t.Logf("%v packets in and %v out, the interface says %v more than before", o.points("in")[0].number, o.points("out")[0].number, sent)
	assert.LessOrEqual(t, o.points("in")[0].number, received(t)-before+50, "what is counted before and after the two looks")
}

// received is how many packets the loopback interface has received.
func received(t testing.TB) float64 {
	t.Helper()
	text, err := os.ReadFile("/sys/class/net/lo/statistics/rx_packets")
	require.NoError(t, err)
	var n float64
	_, err = fmt.Sscan(string(text), &n)
	require.NoError(t, err)
	return n
}

// cgroup_skb counts the packets that the processes of a control group send.
func TestLiveExampleCgroup(t *testing.T) {
	group, _ := containerGroup(t)
	o := start(t, `
path: `+example(t, "cgroup_skb")+`
attach: {count_egress_packets: {cgroup: `+group+`}}
outputs:
  - {map: pkt_count, metric: {name: packets, type: sum}}
`, "")
	connect(t) // by a process outside
	script := fmt.Sprintf(`echo $$ > %s/cgroup.procs; for i in {1..23}; do echo x > /dev/udp/127.0.0.1/9; done`, group)
	require.NoError(t, exec.Command("/bin/bash", "-c", script).Run())
	packets := func() float64 {
		if p := o.points("packets"); len(p) == 1 {
			return p[0].number
		}
		return 0
	}
	until(t, "the packets", func() bool { return packets() >= 23 })
	o.stop()
	assert.EqualValues(t, 23, packets())
}

// tcprtt_sockops sends the round-trip times of connections into a ring buffer.
func TestLiveExampleSockops(t *testing.T) {
	o := start(t, `
path: `+example(t, "tcprtt_sockops")+`
outputs:
  - map: rtt_events
    log: {name: rtt, body: "{sport} to {dport}: {srtt} ms"}
    attributes: {sport: source.port, dport: destination.port, srtt: {name: rtt, unit: ms}}
  - map: rtt_events
    metric: {name: rtt, type: histogram, value: srtt, unit: ms}
    attributes: {dport: destination.port}
`, "")
	client, server := talk(t, nil)
	times := func() (n uint64) {
		for _, r := range o.logRecords() {
			if a := r.attrs(); a["source.port"] == client && a["destination.port"] == server {
				n++
				assert.InDelta(t, 0, a["rtt"], 0.1)
				assert.Contains(t, r.Body().Str(), fmt.Sprintf("%d to %d: ", client, server))
			}
		}
		return n
	}
	until(t, "the round-trip times", func() bool {
		for _, p := range o.points("rtt") {
			if p.attrs["destination.port"] == server {
				return p.hist.Count() >= 20 && times() == p.hist.Count()
			}
		}
		return false
	})
	o.stop()
}

// uretprobe reads what users type into bash. Its section has no file in it, and its perf
// buffer the type of its records.
func TestLiveExampleReadline(t *testing.T) {
	o := start(t, `
path: `+example(t, "uretprobe")+`
attach: {uretprobe_bash_readline: {path: /bin/bash, symbols: [readline]}}
outputs:
  - map: events
    process: none
    log: {name: typed, body: "{line}"}
    attributes: {pid: process.pid, line: {name: line, as: string}}
`, "")
	if _, err := exec.LookPath("script"); err != nil {
		t.Skip("needs script of the package bsdutils")
	}
	cmd := exec.Command("script", "-qec", "bash --norc -i", "/dev/null")
	cmd.Stdin = strings.NewReader("true one\ntrue two\nexit 0\n")
	cmd.Env = append(os.Environ(), "TERM=dumb")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	until(t, "three lines", func() bool { return o.logs.LogRecordCount() >= 3 })
	o.stop()
	var lines []string
	for _, r := range o.logRecords() {
		lines = append(lines, r.Body().Str())
	}
	assert.Equal(t, []string{"true one", "true two", "exit 0"}, lines)
}
