// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package rights

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
)

// nameServer is asked by the programs. A test of dns has 127.0.0.77.
const nameServer = "127.0.0.78:53"

// named begins the names of services that the environment gives.
const named = "named "

// serve is a program that is observed: a web server, with TLS and without, each of whose
// answers takes a look-up of a name and a call. It tells its addresses in a line.
func serve() error {
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	secret, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{certificate}, PrivateKey: key}}})
	if err != nil {
		return err
	}
	resolver := net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) { return net.Dial("udp", nameServer) }}
	handler := http.NewServeMux()
	handler.HandleFunc("/", func(http.ResponseWriter, *http.Request) {})
	handler.HandleFunc("/call", func(_ http.ResponseWriter, r *http.Request) {
		_, _ = resolver.LookupTXT(r.Context(), "nothing.example.") // there is none
		req, _ := http.NewRequestWithContext(r.Context(), http.MethodGet, "http://"+plain.Addr().String()+"/called", nil)
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
	})
	go func() { _ = http.Serve(plain, handler) }()
	go func() { _ = http.Serve(secret, handler) }()
	fmt.Fprintln(os.Stdout, plain.Addr(), secret.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
	return nil
}

// answerNames answers all queries: there is no such name.
func answerNames(t *testing.T) {
	t.Helper()
	c, err := net.ListenPacket("udp", nameServer)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			if n > 3 {
				buf[2] |= 0x80                  // a response
				buf[3] = buf[3]&0xf0 | 3        // NXDOMAIN
				_, _ = c.WriteTo(buf[:n], from) // whoever is gone asks no more
			}
		}
	}()
}

// program is one that runs, of which rights decide what can be known.
type program struct {
	kind          string
	cmd           *exec.Cmd
	in            io.WriteCloser
	plain, secret string
}

// run starts a copy of the test binary as a server.
func run(t *testing.T, dir, kind string) *program {
	t.Helper()
	exe := filepath.Join(dir, strings.ReplaceAll(kind, " ", "-"))
	livetest.CopySelf(t, exe)
	p := &program{kind: kind, cmd: exec.Command(exe)}
	p.cmd.Env = []string{roleKey + "=serve", "OTEL_SERVICE_NAME=" + named + kind}
	switch kind {
	case foreign:
		p.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1234, Gid: 1234}}
	case private:
		require.NoError(t, os.Chmod(exe, 0o700))
	}
	var err error
	if kind == deleted {
		// Before it runs, so that nobody can have opened it in time.
		f, err := os.Open(exe)
		require.NoError(t, err)
		defer f.Close()
		require.NoError(t, os.Remove(exe))
		p.cmd.Path, p.cmd.ExtraFiles = "/proc/self/fd/3", []*os.File{f}
	}
	p.in, err = p.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	p.cmd.Stderr = os.Stderr
	require.NoError(t, p.cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	_, err = fmt.Sscan(line, &p.plain, &p.secret)
	require.NoError(t, err)
	return p
}

// work uses the server some times.
func (p *program) work(t *testing.T) {
	t.Helper()
	client := http.Client{
		Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
		Timeout:   10 * time.Second,
	}
	defer client.CloseIdleConnections()
	for _, url := range []string{"http://" + p.plain + "/call", "https://" + p.secret + "/call"} {
		for range 3 {
			resp, err := client.Get(url)
			require.NoError(t, err, p.kind)
			_, _ = io.Copy(io.Discard, resp.Body)
			require.NoError(t, resp.Body.Close())
		}
	}
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGWINCH))
}

// end ends the server.
func (p *program) end(t *testing.T) {
	t.Helper()
	require.NoError(t, p.in.Close())
	require.NoError(t, p.cmd.Wait())
}
