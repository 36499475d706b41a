// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package live

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ebpfreceiver/ebpfreceiver/internal/kernels"
)

// nginx serves files by HTTPS, and has OpenSSL let the kernel encrypt them: then it sends bodies by
// SSL_sendfile.
type nginx struct {
	exe  string // "" where there is none
	dir  string
	port int
}

// The bodies of its files.
const (
	smallFile = 100
	largeFile = 100000
)

// newNginx installs the one that was packed for the guest.
func newNginx(t *testing.T) *nginx {
	t.Helper()
	if _, err := os.Stat(kernels.Extra + "/nginx"); err != nil || !inGuest() {
		t.Log("there is no nginx that lets the kernel encrypt")
		return &nginx{exe: ""}
	}
	n := &nginx{dir: t.TempDir()}
	n.exe = n.dir + "/nginx"
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	n.port = l.Addr().(*net.TCPAddr).Port
	require.NoError(t, l.Close())
	write := func(path string, data []byte, mode os.FileMode) {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, data, mode))
	}
	for from, to := range map[string]string{"nginx": n.exe, "ld-linux-x86-64.so.2": "/lib64/ld-linux-x86-64.so.2"} {
		data, err := os.ReadFile(kernels.Extra + "/" + from)
		require.NoError(t, err)
		write(to, data, 0o755)
	}
	write("/etc/passwd", []byte("root:x:0:0:root:/:/bin/sh\n"), 0o644)
	write("/etc/group", []byte("root:x:0:\n"), 0o644)
	write(n.dir+"/small", bytes.Repeat([]byte("s"), smallFile), 0o644)
	write(n.dir+"/large", bytes.Repeat([]byte("l"), largeFile), 0o644)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Now().AddDate(10, 0, 0)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	write(n.dir+"/cert.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600)
	write(n.dir+"/key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600)
	write(n.dir+"/conf", fmt.Appendf(nil, `daemon off; master_process off; user root root; pid %[1]s/pid; error_log stderr crit;
events {}
http {
	log_format facts "$request_uri $status $body_bytes_sent $ssl_protocol";
	access_log %[1]s/log facts;
	client_body_temp_path %[1]s; proxy_temp_path %[1]s; fastcgi_temp_path %[1]s; uwsgi_temp_path %[1]s; scgi_temp_path %[1]s;
	sendfile on;
	server {
		listen 127.0.0.1:%[2]d ssl;
		ssl_certificate %[1]s/cert.pem; ssl_certificate_key %[1]s/key.pem;
		ssl_conf_command Options KTLS;
		root %[1]s;
	}
}
`, n.dir, n.port), 0o644)
	return n
}

// tlsCounter reads one of the kernel's own statistics.
func tlsCounter(t *testing.T, name string) int {
	t.Helper()
	data, err := os.ReadFile("/proc/net/tls_stat")
	require.NoError(t, err)
	for line := range strings.SplitSeq(string(data), "\n") {
		if f := strings.Fields(line); len(f) == 2 && f[0] == name {
			n, err := strconv.Atoi(f[1])
			require.NoError(t, err)
			return n
		}
	}
	return 0
}

// serve lets it serve clients, until it is seen and then as often as is noted.
func (n *nginx) serve(t *testing.T, w *workload, sinks *telemetry) {
	cmd := exec.Command(n.exe, "-c", n.dir+"/conf", "-p", n.dir, "-e", "stderr")
	cmd.Env = []string{"LD_LIBRARY_PATH=" + kernels.Extra, "OTEL_SERVICE_NAME=nginx"}
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })

	player := w.start(t, func(int) {}, "https-client", fmt.Sprintf("127.0.0.1:%d", n.port))
	get := func(version, path string) {
		_, err := io.WriteString(player.in, version+" "+path+"\n")
		require.NoError(t, err)
		line, err := player.out.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "done\n", line)
	}
	// Libraries are found by the first connections that use them.
	warm := 0
	require.Eventually(t, func() bool {
		get("new", fmt.Sprintf("/warm/%d", warm))
		warm++
		time.Sleep(200 * time.Millisecond)
		kinds := map[ptrace.SpanKind]bool{}
		for _, span := range spansOf(sinks) {
			kinds[span.Kind()] = true
		}
		return kinds[ptrace.SpanKindServer] && kinds[ptrace.SpanKindClient]
	}, time.Minute, time.Millisecond)
	sent := tlsCounter(t, "TlsTxSw")
	for _, version := range []string{"1.2", "1.3"} {
		for range 3 {
			for path, status := range map[string]string{"/small": "200", "/large": "200", "/missing": "404"} {
				get(version, path)
				w.spans["Server nginx GET "+path+" "+status]++
				w.spans["Client https-client GET "+path+" "+status]++
			}
		}
	}
	require.Equal(t, sent+2, tlsCounter(t, "TlsTxSw"), "the kernel encrypts for nginx")
	require.NoError(t, player.in.Close())
	var logged []byte
	require.Eventually(t, func() bool { // it logs after it has sent
		var err error
		logged, err = os.ReadFile(n.dir + "/log")
		return err == nil && bytes.Count(logged, []byte("\n")) == warm+18
	}, 20*time.Second, 50*time.Millisecond)
	for _, version := range []string{"TLSv1.2", "TLSv1.3"} {
		require.Equal(t, 3, strings.Count(string(logged), fmt.Sprintf("/large 200 %d %s", largeFile, version)), "%s", logged)
	}
}

// httpsClient requests what it is told to, on one connection for each version of TLS.
func httpsClient(args []string) error {
	transports := map[string]*http.Transport{}
	for name, version := range map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13, "new": 0} {
		transports[name] = &http.Transport{
			TLSClientConfig:    &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version},
			DisableCompression: true, DisableKeepAlives: name == "new",
		}
	}
	for {
		var version, path string
		if _, err := fmt.Fscanln(os.Stdin, &version, &path); err != nil {
			return nil // the end
		}
		var resp *http.Response
		var err error
		for range 50 { // nginx may not listen yet
			resp, err = (&http.Client{Transport: transports[version]}).Get("https://" + args[0] + path)
			if err == nil || version != "new" {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		if err != nil {
			return err
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return err
		}
		resp.Body.Close()
		if want := map[string]int{"/small": smallFile, "/large": largeFile}[path]; want > 0 && len(body) != want {
			return fmt.Errorf("%s: %d bytes", path, len(body))
		}
		fmt.Fprintln(os.Stdout, "done")
	}
}
