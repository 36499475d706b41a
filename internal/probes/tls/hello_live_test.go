// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package tls_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/dbtest"
)

// facts are what one end knows of its connection: version, cipher suite, name of the server.
type facts [3]string

// factsNginx starts nginx over TLS, whose log tells the facts of each request.
func factsNginx(t *testing.T, port int) (log string) {
	t.Helper()
	dir := t.TempDir()
	cert, key := dbtest.Certificate(t, dir, os.Getuid(), os.Getgid())
	log = filepath.Join(dir, "access.log")
	config := fmt.Sprintf(`daemon off; master_process off; worker_processes 1; error_log stderr; pid %[1]s/pid;
events {}
http {
	log_format facts "$request_uri|$ssl_protocol|$ssl_cipher|$ssl_server_name";
	access_log %[2]s facts;
	client_body_temp_path %[1]s; proxy_temp_path %[1]s; fastcgi_temp_path %[1]s; uwsgi_temp_path %[1]s; scgi_temp_path %[1]s;
	server {
		listen 127.0.0.1:%[3]d ssl;
		ssl_certificate %[4]s; ssl_certificate_key %[5]s;
		ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; ssl_ciphers ALL:@SECLEVEL=0; ssl_ecdh_curve secp384r1:X25519;
		location / { return 200 "hello\n"; }
	}
}
`, dir, log, port, cert, key)
	path := filepath.Join(dir, "nginx.conf")
	require.NoError(t, os.WriteFile(path, []byte(config), 0o600))
	dbtest.Serve(t, port, exec.Command("nginx", "-p", dir, "-c", path))
	return log
}

// ianaName gives the registry's name for one of OpenSSL's, as "openssl ciphers -stdname" tells it.
func ianaName(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("openssl", "ciphers", "-stdname", "ALL:@SECLEVEL=0").Output()
	require.NoError(t, err)
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) > 2 && f[2] == name {
			return f[0]
		}
	}
	t.Fatalf("openssl does not know the cipher suite %q", name)
	return ""
}

func put(a map[string]any, key string) string { s, _ := a[key].(string); return s }

// What spans say of a connection is what nginx logs of it, on both sides, whatever the
// client, and so is what it does not say.
func TestLiveHello(t *testing.T) {
	livetest.RequireRoot(t)
	livetest.CheckLeaks(t)
	port := dbtest.FreePort(t)
	log := factsNginx(t, port)
	r := dbtest.Start(t, map[string]any{
		"targets": []any{map[string]any{"ports": strconv.Itoa(port)}, map[string]any{"exe": "/**/curl"}},
		"probes":  map[string]any{"http": map[string]any{}},
	})
	at := func(path string) string { return fmt.Sprintf("https://localhost:%d%s", port, path) }
	curl := func(args ...string) {
		dbtest.Run(t, exec.Command("curl", append([]string{"-sSk", "--fail"}, args...)...))
	}
	// Libraries are found by the first processes that use them.
	warm := 0
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("socket %v, tls %v, http %v, %d processes, %d spans", r.Account("socket"), r.Account("tls"), r.Account("http"), r.Selected(), len(r.Spans(port)))
			for _, s := range r.Spans(port) {
				t.Log(s.Kind(), s.Attributes().AsRaw())
			}
		}
	})
	require.Eventually(t, func() bool {
		curl(at(fmt.Sprintf("/warm/%d", warm)))
		warm++
		seen := map[ptrace.SpanKind]bool{}
		for _, s := range r.Spans(port) {
			seen[s.Kind()] = true
		}
		return len(seen) == 2
	}, 20*time.Second, 100*time.Millisecond)

	curl(at("/curl/13"), at("/curl/again"))
	curl("--tls-max", "1.2", at("/curl/12"))
	curl("--tls-max", "1.2", "--ciphers", "ECDHE-ECDSA-CHACHA20-POLY1305", at("/curl/chacha"))
	curl("--tls-max", "1.2", "--ciphers", "ECDHE-ECDSA-AES256-CCM", at("/curl/ccm"))
	curl("--tls-max", "1.1", "--ciphers", "ALL:@SECLEVEL=0", "--tlsv1.1", at("/curl/11"))
	curl(fmt.Sprintf("https://127.0.0.1:%d/curl/nameless", port))
	curl("--tls-max", "1.2", fmt.Sprintf("https://127.0.0.1:%d/curl/nameless12", port))
	curl("--curves", "X25519", at("/curl/x25519")) // without a second ClientHello
	for path, args := range map[string][]string{
		"/s_client/named": {"-servername", "Other.Example", "-tls1_3"}, "/s_client/12": {"-servername", "a_b.example", "-tls1_2"},
		"/s_client/nameless": {"-noservername"},
	} {
		cmd := exec.Command("openssl", append([]string{"s_client", "-quiet", "-connect", fmt.Sprintf("127.0.0.1:%d", port)}, args...)...)
		cmd.Stdin = strings.NewReader("GET " + path + " HTTP/1.1\r\nHost: x:" + strconv.Itoa(port) + "\r\nConnection: close\r\n\r\n")
		dbtest.Run(t, cmd)
	}
	states := map[string]facts{}
	for path, c := range map[string]*tls.Config{
		"/go/13": {}, "/go/12": {MaxVersion: tls.VersionTLS12}, "/go/named": {ServerName: "go.example"},
	} {
		c.InsecureSkipVerify = true
		client := http.Client{Transport: &http.Transport{TLSClientConfig: c, DisableKeepAlives: true}}
		res, err := client.Get(at(path))
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		states[path] = facts{strings.TrimPrefix(tls.VersionName(res.TLS.Version), "TLS "), tls.CipherSuiteName(res.TLS.CipherSuite)}
	}

	want := map[string]facts{}
	require.Eventually(t, func() bool {
		b, _ := os.ReadFile(log)
		return strings.Count(string(b), "\n") == warm+9+3+3
	}, 20*time.Second, 50*time.Millisecond)
	b, err := os.ReadFile(log)
	require.NoError(t, err)
	for line := range strings.Lines(string(b)) {
		f := strings.Split(strings.TrimSpace(line), "|")
		if strings.HasPrefix(f[0], "/warm") {
			continue
		}
		name := f[3]
		if name == "-" {
			name = ""
		}
		version := regexp.MustCompile(`^TLSv(1\.?\d?)$`).FindStringSubmatch(f[1])
		require.NotNil(t, version, line)
		want[f[0]] = facts{version[1], ianaName(t, f[2]), strings.ToLower(name)}
	}
	require.Len(t, want, 15)
	for path, state := range states {
		assert.Equal(t, state[:2], append([]string(nil), want[path][0], want[path][1]), "Go and nginx agree on %s", path)
	}
	r.Shutdown()
	servers, clients := map[string]facts{}, map[string]facts{}
	for _, s := range r.Spans(port) {
		a := s.Attributes().AsRaw()
		got := facts{put(a, "tls.protocol.version"), put(a, "tls.cipher"), put(a, "tls.client.server_name")}
		into, path := servers, put(a, "url.path")
		if s.Kind() == ptrace.SpanKindClient {
			u, err := url.Parse(put(a, "url.full"))
			require.NoError(t, err)
			into, path = clients, u.Path
		}
		if strings.HasPrefix(path, "/warm") {
			continue
		}
		into[path] = got
		assert.Equal(t, "tls", put(a, "tls.protocol.name"), path)
	}
	assert.Equal(t, want, servers)
	for path := range want {
		if strings.HasPrefix(path, "/curl") { // the others are not observed
			assert.Equal(t, want[path], clients[path], "the client of %s", path)
		}
	}
	t.Logf("%v", want)
}
