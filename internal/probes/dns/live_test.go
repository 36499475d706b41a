// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package dns_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/goleak"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/dns"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/dbtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is a dnsmasq with a log, which is what it says it was asked.
type server struct {
	t       *testing.T
	program string
	address string
	port    int
	log     string
}

// serve starts dnsmasq on a port of loopback, with some records and no server behind it.
func serve(t *testing.T) *server {
	t.Helper()
	livetest.RequireRoot(t)
	return serveAt(t, "127.0.0.1", dbtest.FreePort(t))
}

func serveAt(t *testing.T, address string, port int) *server {
	t.Helper()
	dir := t.TempDir()
	s := &server{t: t, program: dbtest.Program(t, "dnsmasq"), address: address, port: port, log: filepath.Join(dir, "log")}
	args := []string{
		"--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root", "--bind-interfaces",
		"--listen-address=" + address, "--port=" + strconv.Itoa(s.port), "--pid-file=" + filepath.Join(dir, "pid"),
		"--log-queries=extra", "--log-facility=" + s.log, "--cache-size=0", "--local=/example/",
		"--host-record=www.example,192.0.2.7,2001:db8::7", "--cname=alias.example,www.example",
		"--txt-record=text.example,v=1", "--mx-host=example,www.example,10", "--srv-host=_sip._udp.example,www.example,5060",
	}
	for i := range 100 { // more than a datagram holds
		args = append(args, fmt.Sprintf("--txt-record=long.example,%03d-%s", i, strings.Repeat("x", 100)))
	}
	if address == "127.0.0.1" {
		dbtest.Serve(t, s.port, exec.Command(s.program, args...))
		return s
	}
	cmd := exec.Command(s.program, args...)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()         // by the signal
	})
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", s.hostPort())
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}, time.Minute, 50*time.Millisecond, "dnsmasq does not listen")
	return s
}

func (s *server) hostPort() string { return net.JoinHostPort(s.address, strconv.Itoa(s.port)) }

// asked counts the queries in the log by type and name.
func (s *server) asked() map[string]int {
	s.t.Helper()
	b, err := os.ReadFile(s.log)
	require.NoError(s.t, err)
	n := map[string]int{}
	for line := range strings.SplitSeq(string(b), "\n") {
		f := strings.Fields(line)
		for i, w := range f {
			if kind, ok := strings.CutPrefix(w, "query["); ok && i+1 < len(f) {
				n[strings.TrimSuffix(kind, "]")+" "+f[i+1]]++
			}
		}
	}
	return n
}

// dig asks the server.
func (s *server) dig(args ...string) string {
	s.t.Helper()
	cmd := exec.Command(dbtest.Program(s.t, "dig"), append([]string{"@" + s.address, "-p", strconv.Itoa(s.port), "+tries=1", "+time=5"}, args...)...)
	return dbtest.Run(s.t, cmd)
}

// resolver is Go's own.
func (s *server) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, s.hostPort())
	}}
}

func (s *server) observe(programs ...string) *dbtest.Receiver {
	var targets []any
	for _, p := range append(programs, s.program) {
		targets = append(targets, map[string]any{"exe": p})
	}
	return dbtest.StartPlain(s.t, map[string]any{
		"targets": targets,
		"probes":  map[string]any{"dns": map[string]any{"ports": []any{s.port}, "answers": true, "timeout": "2s"}},
	})
}

// seen counts the spans of a kind as asked does.
func (s *server) seen(r *dbtest.Receiver, kind ptrace.SpanKind) map[string]int {
	n := map[string]int{}
	for _, span := range r.Spans(s.port) {
		if span.Kind() == kind {
			n[fmt.Sprintf("%v %v", dbtest.Attribute(span.Attributes(), "ebpf.dns.question.type"), dbtest.Attribute(span.Attributes(), "dns.question.name"))]++
		}
	}
	return n
}

// find gives the spans of one question.
func (s *server) find(r *dbtest.Receiver, kind ptrace.SpanKind, name, typ string) (out []map[string]any) {
	for _, span := range r.Spans(s.port) {
		m := span.Attributes().AsRaw()
		if span.Kind() == kind && m["dns.question.name"] == name && m["ebpf.dns.question.type"] == typ {
			m["name"], m["status"] = span.Name(), span.Status().Code()
			m["duration"] = time.Duration(span.EndTimestamp() - span.StartTimestamp())
			out = append(out, m)
		}
	}
	return out
}

func all(pcommon.Map) bool { return true }

// What is seen of the server and of its clients is what the server's log says.
func TestLiveCounts(t *testing.T) {
	s := serve(t)
	livetest.CheckLeaks(t)
	r := s.observe(dbtest.Program(t, "dig"))
	for _, q := range []string{"A", "AAAA", "TXT", "HTTPS", "ANY"} {
		s.dig("www.example", q)
	}
	s.dig("alias.example", "A")
	s.dig("text.example", "TXT")
	s.dig("example", "MX")
	s.dig("_sip._udp.example", "SRV")
	s.dig("nothing.example", "A")
	s.dig("elsewhere.test", "A")                                  // refused: there is no other server
	s.dig("long.example", "TXT", "+noedns", "+ignore")            // truncated
	s.dig("long.example", "TXT", "+noedns")                       // and then again over TCP
	s.dig("www.example", "A", "+tcp")                             // TCP from the beginning
	s.dig("www.example", "A", "text.example", "TXT", "+nocookie") // two in one process
	r.Shutdown()

	want := s.asked()
	require.NotEmpty(t, want)
	assert.Equal(t, want, s.seen(r, ptrace.SpanKindServer))
	assert.Equal(t, want, s.seen(r, ptrace.SpanKindClient))

	asked := s.find(r, ptrace.SpanKindClient, "www.example", "A")
	a := asked[slices.IndexFunc(asked, func(m map[string]any) bool { return m["network.transport"] == "udp" })] // it was over TCP, too
	assert.Equal(t, "DNS A", a["name"])
	assert.Equal(t, "NOERROR", a["ebpf.dns.response.code"])
	assert.Equal(t, []any{"192.0.2.7"}, a["dns.answers"])
	assert.Equal(t, "127.0.0.1", a["server.address"])
	assert.Equal(t, "udp", a["network.transport"])
	alias := s.find(r, ptrace.SpanKindServer, "alias.example", "A")[0]
	assert.Equal(t, []any{"192.0.2.7"}, alias["dns.answers"])
	assert.Equal(t, []any{"CNAME www.example"}, alias["ebpf.dns.response.records"])
	assert.Equal(t, "127.0.0.1", alias["client.address"])
	assert.Equal(t, []any{"MX 10 www.example"}, s.find(r, ptrace.SpanKindClient, "example", "MX")[0]["ebpf.dns.response.records"])
	none := s.find(r, ptrace.SpanKindClient, "nothing.example", "A")[0]
	assert.Equal(t, "NXDOMAIN", none["error.type"])
	assert.Equal(t, ptrace.StatusCodeError, none["status"])
	assert.Nil(t, s.find(r, ptrace.SpanKindServer, "nothing.example", "A")[0]["error.type"])
	assert.Equal(t, "REFUSED", s.find(r, ptrace.SpanKindClient, "elsewhere.test", "A")[0]["error.type"])
	transports := map[any]int{}
	for _, kind := range []ptrace.SpanKind{ptrace.SpanKindClient, ptrace.SpanKindServer} {
		for _, m := range s.find(r, kind, "long.example", "TXT") {
			transports[fmt.Sprint(m["network.transport"], m["ebpf.dns.response.truncated"])]++
		}
	}
	assert.Equal(t, map[any]int{"udptrue": 4, "tcp<nil>": 2}, transports)
	total := 0
	for _, n := range want {
		total += n
	}
	assert.EqualValues(t, total, r.Measured("dns.lookup.duration", all))
	assert.EqualValues(t, total, r.Measured(dns.ServerDuration, all))
}

// The resolvers of the C library, which sends two queries with one call, also for Python,
// and of Go. The C library knows no other port than 53.
func TestLiveResolvers(t *testing.T) {
	livetest.RequireRoot(t)
	getent := dbtest.Program(t, "getent")
	s := serveAt(t, "127.0.0.77", 53)
	livetest.CheckLeaks(t)
	conf := filepath.Join(t.TempDir(), "resolv.conf")
	require.NoError(t, os.WriteFile(conf, []byte("nameserver "+s.address+"\n"), 0o644))
	r := s.observe(getent)
	const rounds = 20
	script := "mount --bind " + conf + " /etc/resolv.conf\nfor i in $(seq " + strconv.Itoa(rounds) + "); do " + getent + " ahosts www.example; done\n" +
		"python3 -c 'import socket; print(socket.getaddrinfo(\"alias.example\", 80))'\n" + getent + " ahosts nothing.example || true\n"
	out := dbtest.Run(t, exec.Command(dbtest.Program(t, "unshare"), "--mount", "sh", "-euc", script))
	require.Contains(t, out, "2001:db8::7")
	resolver := s.resolver()
	for range rounds {
		addresses, err := resolver.LookupHost(t.Context(), "www.example")
		require.NoError(t, err)
		require.Len(t, addresses, 2)
	}
	r.Shutdown()
	want := s.asked()
	assert.Equal(t, 2*rounds, want["A www.example"])
	assert.Equal(t, want, s.seen(r, ptrace.SpanKindServer))
	assert.Equal(t, map[string]int{
		"A www.example": rounds, "AAAA www.example": rounds, "A nothing.example": 1, "AAAA nothing.example": 1,
	}, s.seen(r, ptrace.SpanKindClient))
}

// Nobody answers: the exchange ends by itself, and says so.
func TestLiveTimeout(t *testing.T) {
	s := serve(t)
	livetest.CheckLeaks(t)
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer silent.Close()
	port := silent.LocalAddr().(*net.UDPAddr).Port
	dig := dbtest.Program(t, "dig")
	r := dbtest.Start(t, map[string]any{
		"targets": []any{map[string]any{"exe": dig}},
		"probes":  map[string]any{"dns": map[string]any{"ports": []any{port}, "timeout": "2s"}},
	})
	cmd := exec.Command(dig, "@127.0.0.1", "-p", strconv.Itoa(port), "+tries=2", "+time=1", "silence.example")
	require.Error(t, cmd.Run())
	require.Eventually(t, func() bool { return len(r.Spans(port)) > 0 }, 20*time.Second, 50*time.Millisecond)
	s.port = port
	got := s.find(r, ptrace.SpanKindClient, "silence.example", "A")
	r.Shutdown()
	for _, m := range got {
		assert.Equal(t, "timeout", m["error.type"])
		assert.Nil(t, m["ebpf.dns.response.code"])
	}
	assert.NotEmpty(t, got)
}

// At full speed what was seen and what was lost is what the server was asked.
func TestLiveFullSpeed(t *testing.T) {
	s := serve(t)
	livetest.CheckLeaks(t)
	r := s.observe()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			resolver := s.resolver()
			for range 1500 {
				_, _ = resolver.LookupTXT(context.Background(), "text.example") // counted by the server
			}
		})
	}
	wg.Wait()
	r.Shutdown()
	want, got := s.asked(), s.seen(r, ptrace.SpanKindServer)
	t.Logf("the server was asked %v, seen were %v", want, got)
	assert.Equal(t, want, got)
	assert.GreaterOrEqual(t, got["TXT text.example"], 12000)
}
