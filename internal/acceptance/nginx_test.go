// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package acceptance

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// nginx is an nginx of our own with two workers.
type nginx struct {
	*child
	port int
	log  string
}

// entry is a line of its access log.
type entry struct {
	Msec        float64 `json:"msec"`
	RequestTime float64 `json:"request_time"`
	Status      int     `json:"status"`
	Method      string  `json:"method"`
	URI         string  `json:"uri"`
	Sent        int     `json:"sent"`
	Body        int     `json:"body"` // of what was sent
	Length      int     `json:"length"`
	RemotePort  int     `json:"remote_port"`
	Requests    int     `json:"requests"` // on this connection
	PID         int     `json:"pid"`
}

const nginxConfig = `
daemon off;
user root;
worker_processes 2;
pid nginx.pid;
error_log error.log notice;
events { worker_connections 4096; }
http {
	log_format json escape=json '{"msec":$msec,"request_time":$request_time,"status":$status,'
		'"method":"$request_method","uri":"$request_uri","sent":$bytes_sent,"body":$body_bytes_sent,"length":$request_length,'
		'"remote_port":$remote_port,"requests":$connection_requests,"pid":$pid}';
	access_log access.log json;
	client_body_temp_path body;
	proxy_temp_path proxy;
	fastcgi_temp_path fastcgi;
	uwsgi_temp_path uwsgi;
	scgi_temp_path scgi;
	client_max_body_size 0;
	keepalive_requests 100000000;
	keepalive_timeout 600;
	default_type text/plain;
	server {
		listen 127.0.0.1:%d;
		listen [::1]:%[1]d;
		root .;
		location /hello { return 200 "hello\n"; }
		location /moved { return 301 /hello; }
		location /missing { return 404; }
		location /error { return 500; }
		location /files { sendfile on; }
		location /backend/ {
			proxy_pass http://127.0.0.1:%[2]d/;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
		}
	}
}
`

// noBackend is a port that nobody listens on (discard).
const noBackend = 9

// startNginx runs nginx on a free port, with another server behind /backend/.
func startNginx(t testing.TB, backend int) *nginx {
	t.Helper()
	return startNginxAt(t, freePort(t), backend)
}

func startNginxAt(t testing.TB, port, backend int) *nginx {
	t.Helper()
	return startNginxWith(t, port, backend, nginxConfig)
}

func startNginxWith(t testing.TB, port, backend int, text string) *nginx {
	t.Helper()
	return startNginxAs(t, program(t, "nginx"), port, backend, text)
}

// startNginxOf runs a copy of nginx.
func startNginxOf(t testing.TB, executable string) *nginx {
	t.Helper()
	return startNginxAs(t, executable, freePort(t), noBackend, nginxConfig)
}

func startNginxAs(t testing.TB, executable string, port, backend int, text string) *nginx {
	t.Helper()
	dir := t.TempDir()
	n := &nginx{port: port, log: filepath.Join(dir, "access.log")}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "files"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "files", "big"), make([]byte, 3<<20), 0o644))
	config := filepath.Join(dir, "nginx.conf")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, text, n.port, backend), 0o644))
	n.child = start(t, exec.Command(executable, "-p", dir, "-c", config, "-e", filepath.Join(dir, "error.log")))
	waitListening(t, n.child, n.port)
	waitFor(t, "nginx's workers", func() bool { return len(children(t, n.pid())) == 2 })
	return n
}

// url gives the address of a path.
func (n *nginx) url(path string) string { return fmt.Sprintf("http://127.0.0.1:%d%s", n.port, path) }

// pids are those of the master and its workers.
func (n *nginx) pids(t testing.TB) []int {
	t.Helper()
	return append(children(t, n.pid()), n.pid())
}

// quit ends nginx when it has answered all, and reads the access log.
func (n *nginx) quit(t testing.TB) []entry {
	t.Helper()
	n.stop(t, syscall.SIGQUIT)
	return n.entries(t)
}

func (n *nginx) entries(t testing.TB) []entry {
	t.Helper()
	b, err := os.ReadFile(n.log)
	require.NoError(t, err)
	var found []entry
	for line := range strings.Lines(string(b)) {
		var e entry
		require.NoError(t, json.Unmarshal([]byte(line), &e), line)
		found = append(found, e)
	}
	return found
}

// target is a section of the receiver that selects this nginx alone.
func (n *nginx) target() string {
	return fmt.Sprintf("targets: [{exe: /usr/sbin/ngin*, ports: %d}]\n", n.port)
}
