// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package acceptance

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// certificate writes a key and a certificate for it, for 127.0.0.1 and localhost.
func certificate(t testing.TB, dir string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	write := func(path, kind string, b []byte) {
		require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600))
	}
	write(cert, "CERTIFICATE", der)
	write(key, "PRIVATE KEY", secret)
	return cert, key
}

// startTLSNginx starts nginx as startNginx does, but over TLS.
func startTLSNginx(t testing.TB) *nginx {
	t.Helper()
	cert, key := certificate(t, t.TempDir())
	return startNginxWith(t, freePort(t), noBackend, strings.NewReplacer(
		"listen 127.0.0.1:%d;", "listen 127.0.0.1:%d ssl http2;", "listen [::1]:%[1]d;",
		fmt.Sprintf("ssl_certificate %s; ssl_certificate_key %s;", cert, key)).Replace(nginxConfig))
}

func (n *nginx) https(path string) string { return fmt.Sprintf("https://127.0.0.1:%d%s", n.port, path) }

// attachedTo tells whether the collector says that it sees what a file encrypts.
func attachedTo(c *collector, file string) bool {
	for line := range strings.Lines(c.out.String()) {
		if strings.Contains(line, "What a library encrypts is seen") && strings.Contains(line, file) {
			return true
		}
	}
	return false
}

// TestProgramsOverTLS: each client asks for paths of its own, whose number the access
// log tells; each request has a span on both sides.
func TestProgramsOverTLS(t *testing.T) {
	beside(t)
	n := startTLSNginx(t)
	startNode(t)
	c := startCollector(t, fmt.Sprintf("probes: {http: {}}\ntargets: [{ports: %d}, {exe: /**/curl}, {exe: /**/python*}, {exe: /**/node}, {exe: /**/openssl}, {exe: /**/wget}]\n", n.port))
	port := strconv.Itoa(n.port)
	// What is linked into an executable, and a library that nobody has mapped yet, is
	// found when the first process of it runs.
	for _, file := range []string{"node", "libgnutls"} {
		waitFor(t, "the first use of "+file, func() bool {
			run(t, "wget", "-q", "--no-check-certificate", "-O", "/dev/null", n.https("/hello?warm"))
			return attachedTo(c, file)
		})
	}
	clients := map[string]struct {
		times int
		exe   string // of clients that have spans
		run   func()
	}{
		"curl": {5, "curl", func() {
			for i := range 5 {
				run(t, "curl", "-sSk", "--fail", n.https(fmt.Sprintf("/hello?curl=%d", i)))
			}
		}},
		"http1": {3, "curl", func() {
			run(t, "curl", "-sSk", "--http1.1", "--fail", n.https("/hello?http1=[1-3]"))
		}},
		"reused": {4, "curl", func() {
			run(t, "curl", "-sSk", "--fail", n.https("/hello?reused=[1-4]"))
		}},
		"tls12": {3, "curl", func() {
			run(t, "curl", "-sSk", "--tls-max", "1.2", "--http1.1", "--fail", n.https("/hello?tls12=[1-3]"))
		}},
		"big": {2, "curl", func() {
			run(t, "curl", "-sSk", "--fail", "-o", "/dev/null", n.https("/files/big?big=[1-2]"))
		}},
		"python":  {6, "python", func() { run(t, "python3", "testdata/tls_client.py", port, "python", "6") }},
		"asyncio": {8, "python", func() { run(t, "python3", "testdata/tls_client.py", port, "asyncio", "8") }},
		"node":    {7, "node", func() { run(t, "node", "testdata/tls_client.js", port, "7") }},
		"s_client": {1, "openssl", func() {
			run(t, "sh", "-c", "printf 'GET /hello?s_client=1 HTTP/1.1\\r\\nHost: x:"+port+"\\r\\nConnection: close\\r\\n\\r\\n' | openssl s_client -quiet -connect 127.0.0.1:"+port)
		}},
		"gnutls": {3, "wget", func() {
			run(t, "wget", "-q", "--no-check-certificate", "-O", "/dev/null", n.https("/hello?gnutls=0"), n.https("/hello?gnutls=1"), n.https("/hello?gnutls=2"))
		}},
		"wget": {3, "wget", func() {
			for i := range 3 {
				run(t, "wget", "-q", "--no-check-certificate", "-O", "/dev/null", n.https(fmt.Sprintf("/hello?wget=%d", i)))
			}
		}},
	}
	versions := map[string]string{"curl": "2", "reused": "2", "big": "2", "http1": "1.1", "tls12": "1.1", "gnutls": "1.1", "s_client": "1.1"}
	for name := range clients {
		clients[name].run()
	}
	workers := n.pids(t)
	entries := n.quit(t)
	accounts := c.settle(t)
	c.shutdown(t)
	servers := c.spansOf(ptrace.SpanKindServer, of(workers...))
	all := c.spansOf(ptrace.SpanKindClient, func(attrs) bool { return true })
	assert.Len(t, servers, len(entries), "as many as in the access log")
	ours := accounts["tls"]
	assert.Zero(t, ours.totalLost())
	for name, client := range clients {
		t.Run(name, func(t *testing.T) {
			logged := 0
			for _, e := range entries {
				if strings.Contains(e.URI, "?"+name+"=") {
					logged++
				}
			}
			require.Equal(t, client.times, logged, "requests in the access log")
			var got int
			for _, sp := range servers {
				if q, _ := sp.attr("url.query").(string); strings.HasPrefix(q, name+"=") {
					got++
					assert.Equal(t, "https", sp.attr("url.scheme"))
					if version, ok := versions[name]; ok {
						assert.Equal(t, version, sp.attr("network.protocol.version"))
					}
					assert.EqualValues(t, n.port, sp.attr("server.port"))
					assert.Equal(t, "127.0.0.1", sp.attr("client.address"))
					assert.EqualValues(t, 200, sp.attr("http.response.status_code"))
				}
			}
			assert.Equal(t, logged, got, "spans of the server")
			got = 0
			for _, sp := range all {
				if u, _ := sp.attr("url.full").(string); strings.Contains(u, "?"+name+"=") {
					got++
					assert.True(t, strings.HasPrefix(u, "https://"), u)
					assert.EqualValues(t, n.port, sp.attr("server.port"))
					assert.Equal(t, "127.0.0.1", sp.attr("network.peer.address"))
					assert.Contains(t, sp.resource["process.executable.path"], client.exe)
				}
			}
			assert.Equal(t, logged, got, "spans of the client")
		})
	}
}

// TestTLSConnectionOlderThanTheCollector: its handshake was never seen.
func TestTLSConnectionOlderThanTheCollector(t *testing.T) {
	beside(t)
	n := startTLSNginx(t)
	conn, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", n.port), &tls.Config{InsecureSkipVerify: true})
	require.NoError(t, err)
	defer conn.Close()
	r := bufio.NewReader(conn)
	get := func(path string) {
		_, err := io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: test\r\n\r\n")
		require.NoError(t, err)
		receive(t, r, "GET")
	}
	get("/hello?before")
	c := startCollector(t, n.target()+"probes: {http: {}}")
	get("/hello?after=1")
	get("/missing?after=2")
	pids := n.pids(t)
	require.NoError(t, conn.Close())
	n.quit(t)
	c.settle(t)
	c.shutdown(t)
	spans := c.spansOf(ptrace.SpanKindServer, of(pids...))
	require.Len(t, spans, 2)
	assert.Equal(t, "after=1", spans[0].attr("url.query"))
	assert.Equal(t, "https", spans[0].attr("url.scheme"))
	assert.Equal(t, "/missing", spans[1].attr("url.path"))
	assert.Equal(t, int64(404), spans[1].attr("http.response.status_code"))
}

// TestManyProcessesOfOneLibrary start and end at random, some of them in the middle of
// their requests, while others go on.
func TestManyProcessesOfOneLibrary(t *testing.T) {
	live(t)
	n := startTLSNginx(t)
	c := startCollector(t, fmt.Sprintf("probes: {http: {}}\ntargets: [{ports: %d}, {exe: /**/curl}]\n", n.port))
	// curl has both libraries mapped, though it uses only one.
	for _, file := range []string{"libssl", "libgnutls"} {
		waitFor(t, "the first use of "+file, func() bool {
			run(t, "curl", "-sSk", "--fail", n.https("/hello?first"))
			return attachedTo(c, file)
		})
	}
	links := len(heldBy(t, c.pid())["link"])
	const processes, each = 50, 20
	var killed atomic.Int64
	var wg sync.WaitGroup
	atOnce := make(chan struct{}, 8)
	for i := range processes {
		atOnce <- struct{}{}
		wg.Go(func() {
			defer func() { <-atOnce }()
			cmd := exec.Command("curl", "-sSk", "--http1.1", "--fail", "-o", "/dev/null", n.https(fmt.Sprintf("/hello?p=%d-[1-%d]", i, each)))
			if !assert.NoError(t, cmd.Start()) {
				return
			}
			if i%5 == 0 {
				time.Sleep(time.Duration(mathrand.IntN(60)) * time.Millisecond)
				_ = cmd.Process.Kill()
				killed.Add(1)
			}
			err := cmd.Wait()
			assert.True(t, err == nil || i%5 == 0, "%v", err)
		})
	}
	wg.Wait()
	time.Sleep(time.Second) // ends are told, and nothing else is attached
	assert.Len(t, heldBy(t, c.pid())["link"], links, "uprobes")
	workers := n.pids(t)
	entries := n.quit(t)
	accounts := c.settle(t)
	c.shutdown(t)
	logged := map[string]int{}
	for _, e := range entries {
		if e.Status == 200 {
			logged[e.URI]++
		}
	}
	servers := map[string]int{}
	for _, sp := range c.spansOf(ptrace.SpanKindServer, of(workers...)) {
		if sp.attr("http.response.status_code") == int64(200) {
			servers[fmt.Sprint(sp.attr("url.path"), "?", sp.attr("url.query"))]++
		}
	}
	assert.Equal(t, logged, servers)
	whole := map[string]int{}
	for _, sp := range c.spansOf(ptrace.SpanKindClient, func(attrs) bool { return true }) {
		u, _ := sp.attr("url.full").(string)
		if _, p, ok := strings.Cut(u, "?p="); ok {
			p, _, _ = strings.Cut(p, "-")
			whole[p]++
		}
	}
	for i := range processes {
		if i%5 != 0 {
			assert.Equal(t, each, whole[strconv.Itoa(i)], "spans of process %d", i)
		}
	}
	a := accounts["tls"]
	assert.Zero(t, a.totalLost())
	t.Logf("%d processes, %d of them killed, %d requests in the log", processes, killed.Load(), len(entries))
}
