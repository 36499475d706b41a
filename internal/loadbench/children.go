// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// start starts a program and gives what ends it, by its own process ID.
func start(ctx context.Context, cmd *exec.Cmd) (end func(), err error) {
	cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", cmd.Path, err)
	}
	done := make(chan struct{})
	go func() { _ = cmd.Wait(); close(done) }()
	return func() {
		_ = cmd.Process.Signal(unix.SIGTERM)
		select {
		case <-done:
		case <-time.After(5 * time.Second):
			_ = cmd.Process.Kill()
			<-done
		}
	}, nil
}

// startSink runs this program as the sink and gives its address.
func startSink(ctx context.Context) (address string, end func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return "", nil, err
	}
	cmd := exec.Command(self, "-sink")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if end, err = start(ctx, cmd); err != nil {
		return "", nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		end()
		return "", nil, fmt.Errorf("the sink did not start: %w", err)
	}
	return strings.TrimSpace(line), end, nil
}

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

// server is the observed nginx.
type server struct {
	url    string // of the page
	status string // of the number of requests
	worker int
	client http.Client
}

func startNginx(ctx context.Context, dir string, tls bool) (*server, func(), error) {
	if err := os.MkdirAll(filepath.Join(dir, "html"), 0o755); err != nil {
		return nil, nil, err
	}
	page := strings.Repeat("The quick brown fox jumps over the lazy dog. ", 14)[:612]
	if err := os.WriteFile(filepath.Join(dir, "html", "index.html"), []byte(page), 0o644); err != nil {
		return nil, nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, nil, err
	}
	s := &server{url: fmt.Sprintf("http://127.0.0.1:%d/", port)}
	s.status = s.url + "status"
	encrypted := ""
	if tls {
		if port2, err := freePort(); err == nil {
			s.url = fmt.Sprintf("https://127.0.0.1:%d/", port2)
			encrypted = fmt.Sprintf("    listen 127.0.0.1:%d ssl;\n    ssl_certificate cert.pem;\n    ssl_certificate_key key.pem;\n", port2)
		}
		if err := certificate(dir); err != nil {
			return nil, nil, err
		}
	}
	conf := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, nginxConfig, dir, port, encrypted), 0o644); err != nil {
		return nil, nil, err
	}
	cmd := exec.Command("nginx", "-p", dir, "-c", conf)
	cmd.Stderr = os.Stderr
	end, err := start(ctx, cmd)
	if err != nil {
		return nil, nil, err
	}
	for range 100 {
		if _, err = s.requests(); err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err == nil {
		s.worker, err = childOf(cmd.Process.Pid)
	}
	if err != nil {
		end()
		return nil, nil, fmt.Errorf("nginx did not start: %w", err)
	}
	return s, end, nil
}

// childOf finds the one child of a process.
func childOf(pid int) (int, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%[1]d/task/%[1]d/children", pid))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(b)))
}

// requests reads how many requests nginx has taken since it started.
func (s *server) requests() (uint64, error) {
	r, err := s.client.Get(s.status)
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

// startWrk loads the server until it is ended, or for an hour at most.
func startWrk(ctx context.Context, s *server, connections int) (func(), error) {
	cmd := exec.Command("taskset", "-c", "1", "wrk", "-t1", "-c"+strconv.Itoa(connections), "-d3600s", s.url)
	return start(ctx, cmd)
}

// schedstat reads the time that a process's threads were on a CPU, in ns
// (Documentation/scheduler/sched-stats.rst).
func schedstat(pid int) (sum uint64, err error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(threads) == 0 {
		return 0, errors.Join(fmt.Errorf("process %d is gone", pid), err)
	}
	for _, path := range threads {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it ended
		}
		f := strings.Fields(string(b))
		if len(f) != 3 {
			return 0, fmt.Errorf("unexpected schedstat %q", b)
		}
		ns, err := strconv.ParseUint(f[0], 10, 64)
		if err != nil {
			return 0, err
		}
		sum += ns
	}
	return sum, nil
}

// ownCPU gives the CPU time of this process.
func ownCPU() time.Duration {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// ownMemory gives the resident memory of this process in bytes.
func ownMemory() uint64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b))
	pages, _ := strconv.ParseUint(f[1], 10, 64)
	return pages * uint64(os.Getpagesize())
}
