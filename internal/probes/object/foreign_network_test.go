// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && amd64

package object_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// foreignNetwork are the objects that observe the network.
func foreignNetwork(t testing.TB) []foreigner {
	group, _ := containerGroup(t)
	begun := received(t)
	return []foreigner{
		{
			// LRU hash of packets by source.
			name: "xdp", lacks: nothing,
			section: `
path: %[1]s
attach: {xdp_prog_func: {interfaces: [lo], mode: generic}}
outputs:
  - map: xdp_stats_map
    metric: {name: xdp.packets, type: sum}
    attributes: {key: {name: source.address, as: ipv4}}
`,
			causes: func(t *testing.T, o *observed) func(t *testing.T) {
				const source = "127.0.0.77"
				to, err := net.ListenPacket("udp4", "127.0.0.1:0")
				require.NoError(t, err)
				defer to.Close()
				from, err := net.ListenPacket("udp4", source+":0")
				require.NoError(t, err)
				defer from.Close()
				for range datagrams {
					_, err := from.WriteTo([]byte("x"), to.LocalAddr())
					require.NoError(t, err)
					_, _, err = to.ReadFrom(make([]byte, 8))
					require.NoError(t, err)
				}
				return func(t *testing.T) {
					until(t, "the packets", func() bool {
						return o.sum("xdp.packets", "source.address", source) >= datagrams
					})
					assert.EqualValues(t, datagrams, o.sum("xdp.packets", "source.address", source))
				}
			},
		},
		{
			// Global variables. It ends the chain of programs, which must be allowed.
			name: "tcx",
			lacks: func(k *facts) string {
				if !k.value("BPF_TCX_INGRESS") {
					return "attach type BPF_TCX_EGRESS: not in this kernel"
				}
				return ""
			},
			section: `
path: %[1]s
allow_enforcement: true
attach:
  ingress_prog_func: {interfaces: [lo], direction: ingress}
  egress_prog_func: {interfaces: [lo], direction: egress}
outputs:
  - {global: ingress_pkt_count, metric: {name: tcx.in, type: sum}}
  - {global: egress_pkt_count, metric: {name: tcx.out, type: sum}}
`,
			causes: func(t *testing.T, o *observed) func(t *testing.T) {
				before := received(t)
				connect(t)
				least := received(t) - before
				return func(t *testing.T) {
					until(t, "the packets", func() bool {
						return o.sum("tcx.in", "", nil) >= least && o.sum("tcx.out", "", nil) >= least
					})
					in, out := o.sum("tcx.in", "", nil), o.sum("tcx.out", "", nil)
					most := received(t) - begun
					assert.LessOrEqual(t, in, most, "what the interface counted since before")
					assert.LessOrEqual(t, out, most)
					assert.InDelta(t, in, out, 0.1*most+5, "the interface is a loop")
				}
			},
		},
		{
			// An array, of the packets of a control group.
			name: "cgroup_skb", lacks: nothing,
			section: `
path: %[1]s
attach: {count_egress_packets: {cgroup: ` + group + `}}
outputs:
  - {map: pkt_count, metric: {name: cgroup.packets, type: sum}}
`,
			causes: func(t *testing.T, o *observed) func(t *testing.T) {
				to, err := net.ListenPacket("udp4", "127.0.0.1:0")
				require.NoError(t, err)
				defer to.Close()
				cmd := child(t, fmt.Sprintf("send %d", to.LocalAddr().(*net.UDPAddr).Port))
				stdin, err := cmd.StdinPipe()
				require.NoError(t, err)
				require.NoError(t, cmd.Start())
				require.NoError(t, os.WriteFile(group+"/cgroup.procs", fmt.Append(nil, cmd.Process.Pid), 0))
				_, err = stdin.Write([]byte("g"))
				require.NoError(t, err)
				for range datagrams {
					_, _, err = to.ReadFrom(make([]byte, 8))
					require.NoError(t, err)
				}
				require.NoError(t, cmd.Wait())
				return func(t *testing.T) {
					until(t, "the packets", func() bool { return o.sum("cgroup.packets", "", nil) >= datagrams })
					assert.EqualValues(t, datagrams, o.sum("cgroup.packets", "", nil))
				}
			},
		},
		listening(),
		binding(),
		connecting(),
		lives(),
		roundTrips(),
	}
}

// listening tells who listens, out of a perf buffer. The value of another map has the type of
// its records.
func listening() foreigner {
	return foreigner{
		name: "solisten",
		lacks: func(k *facts) string {
			fexit, kprobe := trampoline("fexit", "inet_listen")(k), kprobes(k)
			if fexit == "" || kprobe == "" {
				return ""
			}
			return "fexit: " + fexit + "; kprobe: " + kprobe
		},
		section: `
variants:
  - {name: fexit, path: %[1]s, programs: [inet_listen_fexit]}
  - {name: kprobe, path: %[1]s, programs: [inet_listen_entry, inet_listen_exit]}
outputs:
  - map: events
    type: event
    process: none
    log: {name: listen, body: "{task} listens"}
    attributes: {pid: process.pid, port: port, backlog: backlog, ret: {name: error.type, as: return}}
`,
		causes: func(t *testing.T, o *observed) func(t *testing.T) {
			var lc net.ListenConfig
			lc.SetMultipathTCP(false) // which has a function of its own
			l, err := lc.Listen(t.Context(), "tcp4", "127.0.0.1:0")
			require.NoError(t, err)
			defer l.Close()
			port := int64(l.Addr().(*net.TCPAddr).Port)
			var backlog int64 // Go asks for the most that the kernel allows
			text, err := os.ReadFile("/proc/sys/net/core/somaxconn")
			require.NoError(t, err)
			_, err = fmt.Sscan(string(text), &backlog)
			require.NoError(t, err)
			return func(t *testing.T) {
				until(t, "the listener", func() bool { return o.logOf("listen", "port", port) != nil })
				assert.Equal(t, map[string]any{"process.pid": int64(os.Getpid()), "port": port, "backlog": backlog}, o.logOf("listen", "port", port))
			}
		},
	}
}

// binding reads a field that was a bit of the socket, and is one of its flags in newer kernels.
func binding() foreigner {
	return foreigner{
		name: "bindsnoop",
		lacks: func(k *facts) string {
			if lacks := kprobes(k); lacks != "" {
				return lacks
			}
			if !k.member("inet_sock", "bind_address_no_port") {
				return "field inet_sock.bind_address_no_port: not in struct"
			}
			return ""
		},
		section: `
path: %[1]s
programs: [ipv4_bind_entry, ipv4_bind_exit]
outputs:
  - map: events
    layout: |
      __u8 addr[16]; __u64 ts_us; __u32 pid, bound_dev_if; int ret; __u16 port, proto; __u8 opts, ver; char task[16];
    process: none
    log: {name: bind, body: "{task} binds"}
    attributes: {pid: process.pid, port: port, proto: protocol}
`,
		causes: func(t *testing.T, o *observed) func(t *testing.T) {
			c, err := net.ListenPacket("udp4", "127.0.0.1:0")
			require.NoError(t, err)
			defer c.Close()
			port := int64(c.LocalAddr().(*net.UDPAddr).Port)
			return func(t *testing.T) {
				until(t, "the socket", func() bool { return o.logOf("bind", "port", port) != nil })
				assert.Equal(t, map[string]any{"process.pid": int64(os.Getpid()), "port": port, "protocol": int64(unix.IPPROTO_UDP)}, o.logOf("bind", "port", port))
			}
		},
	}
}

// connecting tells of connections, out of a ring buffer. It has the kernel's structs by heart.
func connecting() foreigner {
	return foreigner{
		name: "fentry", lacks: trampoline("fentry", "tcp_connect"),
		section: `
path: %[1]s
outputs:
  - map: events
    log: {name: connect, body: "{comm}"}
    attributes:
      saddr: {name: source.address, as: ipv4}
      daddr: {name: destination.address, as: ipv4}
      sport: {name: source.port, as: port}
      dport: destination.port
`,
		causes: func(t *testing.T, o *observed) func(t *testing.T) {
			from, to := talk(t, nil)
			return func(t *testing.T) {
				until(t, "the connection", func() bool { return o.logOf("connect", "source.port", from) != nil })
				assert.Equal(t, map[string]any{
					"source.address": "127.0.0.1", "destination.address": "127.0.0.1", "source.port": from, "destination.port": to,
				}, o.logOf("connect", "source.port", from))
			}
		},
	}
}

// lives are the connections that have ended, out of a perf buffer, as spans.
func lives() foreigner {
	return foreigner{
		name: "tcplife", lacks: nothing,
		section: `
path: %[1]s
outputs:
  - map: events
    layout: |
      __u8 saddr[16], daddr[16]; __u64 ts_us, span_us, rx_b, tx_b; __u32 pid; __u16 sport, dport, family; char comm[16];
    process: none
    span: {name: "{comm}", duration: span_us, duration_unit: us}
    attributes: {sport: source.port, dport: destination.port, rx_b: received, tx_b: sent}
`,
		causes: func(t *testing.T, o *observed) func(t *testing.T) {
			var info *unix.TCPInfo
			began := time.Now()
			from, to := talk(t, &info)
			took := time.Since(began)
			return func(t *testing.T) {
				var found *span
				until(t, "the end of the connection", func() bool {
					for _, s := range o.spans() {
						if v, ok := s.Attributes().Get("source.port"); ok && v.Int() == from {
							found = &s
							return true
						}
					}
					return false
				})
				attrs := raw(found.Attributes())
				assert.Equal(t, to, attrs["destination.port"])
				// The kernel counts the end of a connection as a byte, too.
				assert.InDelta(t, info.Bytes_received, attrs["received"], 1)
				assert.InDelta(t, info.Bytes_acked, attrs["sent"], 1)
				// The other end closes a little later.
				assert.Less(t, found.EndTimestamp().AsTime().Sub(found.StartTimestamp().AsTime()), took+200*time.Millisecond)
			}
		},
	}
}

// roundTrips tells of the times of round trips, out of a ring buffer.
func roundTrips() foreigner {
	return foreigner{
		name: "tcprtt_sockops", lacks: nothing,
		section: `
path: %[1]s
outputs:
  - map: rtt_events
    log: {name: rtt, body: "{sport} to {dport}: {srtt} ms"}
    attributes: {sport: source.port, dport: destination.port, srtt: {name: rtt, unit: ms}}
`,
		causes: func(t *testing.T, o *observed) func(t *testing.T) {
			var info *unix.TCPInfo
			from, to := talk(t, &info)
			return func(t *testing.T) {
				until(t, "the round trips", func() bool { return o.logOf("rtt", "source.port", from) != nil })
				attrs := o.logOf("rtt", "source.port", from)
				assert.Equal(t, to, attrs["destination.port"])
				// In s, of whole ms; it changes with each round trip.
				assert.InDelta(t, float64(info.Rtt)/1e6, attrs["rtt"], 0.02)
			}
		},
	}
}

// talk has a connection of twenty questions, and gives its ports and what the kernel said of it
// at the end.
func talk(t testing.TB, info **unix.TCPInfo) (from, to int64) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	go func() {
		if c, err := l.Accept(); err == nil {
			_, _ = io.Copy(c, c)
			_ = c.Close()
		}
	}()
	c, err := net.Dial("tcp4", l.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	for range 20 {
		_, err := c.Write([]byte("hello"))
		require.NoError(t, err)
		_, err = io.ReadFull(c, make([]byte, 5))
		require.NoError(t, err)
	}
	if info != nil {
		raw, err := c.(*net.TCPConn).SyscallConn()
		require.NoError(t, err)
		require.NoError(t, raw.Control(func(fd uintptr) { *info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO) }))
		require.NoError(t, err)
	}
	return int64(c.LocalAddr().(*net.TCPAddr).Port), int64(c.RemoteAddr().(*net.TCPAddr).Port)
}
