// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
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
	"time"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
)

const nginxConfig = `daemon off;
user root;
worker_processes 1;
worker_cpu_affinity 01;
error_log stderr crit;
pid %[1]s/pid;
events { worker_connections 4096; }
http {
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path %[1]s; proxy_temp_path %[1]s; fastcgi_temp_path %[1]s; uwsgi_temp_path %[1]s; scgi_temp_path %[1]s;
  server {
    listen 127.0.0.1:%[2]d;
%[3]s    location = /status { stub_status; }
    location / { root %[1]s/html; }
  }
}
`

// page is what HTTP servers send.
func page() []byte {
	return []byte(strings.Repeat("The quick brown fox jumps over the lazy dog. ", 14)[:612])
}

func startNginx(encrypted bool) starter {
	return func(_ context.Context, dir string) (*workload, func(), error) {
		if err := os.MkdirAll(filepath.Join(dir, "html"), 0o755); err != nil {
			return nil, nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, "html", "index.html"), page(), 0o644); err != nil {
			return nil, nil, err
		}
		port, err := freePort()
		if err != nil {
			return nil, nil, err
		}
		url, second := fmt.Sprintf("http://127.0.0.1:%d/", port), ""
		status := url + "status"
		if encrypted {
			port, err := freePort()
			if err != nil {
				return nil, nil, err
			}
			url = fmt.Sprintf("https://127.0.0.1:%d/", port)
			second = fmt.Sprintf("    listen 127.0.0.1:%d ssl;\n    ssl_certificate cert.pem;\n    ssl_certificate_key key.pem;\n", port)
			if err := certificate(dir); err != nil {
				return nil, nil, err
			}
		}
		conf := filepath.Join(dir, "nginx.conf")
		if err := os.WriteFile(conf, fmt.Appendf(nil, nginxConfig, dir, port, second), 0o644); err != nil {
			return nil, nil, err
		}
		cmd := exec.Command("nginx", "-p", dir, "-c", conf)
		cmd.Stderr = os.Stderr
		end, err := start(cmd)
		if err != nil {
			return nil, nil, err
		}
		w := httpWorkload(cmd.Process.Pid, url, status)
		w.target = discovery.Selector{Exe: "**/nginx"}
		if err := eventually(func() error { _, err := w.count(); return err }); err != nil {
			end()
			return nil, nil, fmt.Errorf("nginx did not start: %w", err)
		}
		return w, end, nil
	}
}

// httpWorkload is a server under wrk that tells its number of requests as nginx's
// stub_status does.
func httpWorkload(pid int, url, status string) *workload {
	return &workload{
		probe: "http", pid: pid, target: discovery.Selector{PID: pid}, address: url,
		count: func() (uint64, error) { return stubStatus(status) },
		load: func() (func(), error) {
			return start(on(1, "wrk", "-t1", "-c"+strconv.Itoa(connections), "-d3600s", url))
		},
	}
}

// stubStatus reads how many requests a server has taken since it started.
func stubStatus(url string) (uint64, error) {
	r, err := http.Get(url)
	if err != nil {
		return 0, err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return 0, err
	}
	// Active connections: 1 \n server accepts handled requests \n 1 1 1 \n …
	lines := strings.Split(string(b), "\n")
	if len(lines) < 3 {
		return 0, errors.New("nginx has no stub_status module")
	}
	f := strings.Fields(lines[2])
	if len(f) != 3 {
		return 0, fmt.Errorf("unexpected status %q", lines[2])
	}
	return strconv.ParseUint(f[2], 10, 64)
}

// selfSigned makes a certificate for 127.0.0.1.
func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// certificate writes cert.pem and key.pem.
func certificate(dir string) error {
	c, err := selfSigned()
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		return err
	}
	for name, block := range map[string]*pem.Block{
		"cert.pem": {Type: "CERTIFICATE", Bytes: c.Certificate[0]}, "key.pem": {Type: "PRIVATE KEY", Bytes: secret},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			return err
		}
	}
	return nil
}
