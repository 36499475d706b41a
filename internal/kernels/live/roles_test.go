// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package live

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// roleKey names, in the environment, what a process that runs the test binary
// again does instead of testing: guests have no other program.
const roleKey = "LIVE_ROLE"

// TestMain plays the role, if there is one, and runs the tests otherwise.
func TestMain(m *testing.M) {
	role := map[string]func(args []string) error{
		"http-server":  httpServer,
		"http-client":  httpClient,
		"raw-server":   rawServer,
		"raw-client":   rawClient,
		"end":          end,
		"tell":         tell,
		"step":         step,
		"https-client": httpsClient,

		"way-server":       wayServer,
		"way-client":       wayClient,
		"way-server-child": child("way-server"),
		"way-client-child": child("way-client"),
		"way-server-heir":  heir("way-server"),
		"way-client-heir":  heir("way-client"),
	}[os.Getenv(roleKey)]
	if role == nil {
		os.Exit(m.Run())
	}
	// Whoever started it says when to begin.
	if _, err := os.Stdin.Read(make([]byte, 1)); err != nil {
		fmt.Fprintln(os.Stderr, "was not told to begin:", err)
		os.Exit(1)
	}
	if err := role(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// end ends with an exit code, or by a signal.
func end(args []string) error {
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	if args[0] == "exit" {
		os.Exit(n)
	}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return err
	}
	// Not through the Go runtime, which handles some.
	if err := unix.Kill(os.Getpid(), syscall.Signal(n)); err != nil {
		return err
	}
	time.Sleep(time.Minute)
	return errors.New("the signal did not end it")
}

// answer is what servers give for a path: /STATUS/SIZE.
func answer(path string) (status, size int) {
	if n, _ := fmt.Sscanf(path, "/%d/%d", &status, &size); n != 2 {
		return 400, 0
	}
	return status, size
}

// serve tells the address on the standard output and serves until the standard
// input ends.
func serve(l net.Listener, accept func(net.Conn)) error {
	fmt.Fprintln(os.Stdout, l.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		accept(c)
	}
}

func httpServer(args []string) error {
	l, err := net.Listen("tcp", args[0])
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, l.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		status, size := answer(r.URL.Path)
		w.WriteHeader(status)
		_, _ = w.Write(bytes.Repeat([]byte("x"), size))
	}))
}

// httpClient sends the requests METHOD:PATH on one connection if the second
// argument says "keep", else each on its own, and checks the answers.
func httpClient(args []string) error {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: args[1] != "keep", DisableCompression: true}}
	for _, request := range args[2:] {
		method, path, _ := strings.Cut(request, ":")
		var body io.Reader
		if method == http.MethodPost {
			body = strings.NewReader(strings.Repeat("b", 3000))
		}
		req, err := http.NewRequest(method, "http://"+args[0]+path, body)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		n, err := io.Copy(io.Discard, resp.Body)
		if err != nil {
			return err
		}
		resp.Body.Close()
		status, size := answer(path)
		if resp.StatusCode != status || int(n) != size {
			return fmt.Errorf("%s: status %d with %d bytes", request, resp.StatusCode, n)
		}
	}
	client.CloseIdleConnections()
	return nil
}

// The ways to write and to read of system calls, which a program takes in turn.
var (
	writes = []func(fd int, b []byte) (int, error){
		unix.Write,
		func(fd int, b []byte) (int, error) { return len(b), unix.Sendto(fd, b, unix.MSG_NOSIGNAL, nil) },
		func(fd int, b []byte) (int, error) { return unix.SendmsgN(fd, b, nil, nil, 0) },
		func(fd int, b []byte) (int, error) {
			half := len(b) / 2
			return unix.Writev(fd, [][]byte{b[:half], b[half:]})
		},
	}
	reads = []func(fd int, b []byte) (int, error){
		unix.Read,
		func(fd int, b []byte) (int, error) { n, _, err := unix.Recvfrom(fd, b, 0); return n, err },
		func(fd int, b []byte) (int, error) { n, _, _, _, err := unix.Recvmsg(fd, b, nil, 0); return n, err },
		func(fd int, b []byte) (int, error) { return unix.Readv(fd, [][]byte{b[:16], b[16:]}) },
	}
)

// calls is a blocking socket that takes another system call each time.
type calls struct{ fd, reads, writes int }

func (c *calls) Read(b []byte) (int, error) {
	c.reads++
	n, err := reads[c.reads%len(reads)](c.fd, b)
	if n == 0 && err == nil {
		err = io.EOF
	}
	return max(n, 0), err
}

func (c *calls) Write(b []byte) (int, error) {
	c.writes++
	return writes[c.writes%len(writes)](c.fd, b)
}

// blocking takes a connection out of the hands of the Go runtime.
func blocking(c net.Conn) (*calls, error) {
	f, err := c.(*net.TCPConn).File()
	if err != nil {
		return nil, err
	}
	fd, err := unix.Dup(int(f.Fd()))
	if err != nil {
		return nil, err
	}
	return &calls{fd: fd}, errors.Join(f.Close(), c.Close(), unix.SetNonblock(fd, false))
}

// rawServer speaks HTTP by system calls, one connection after the other.
func rawServer(args []string) error {
	l, err := net.Listen("tcp", args[0])
	if err != nil {
		return err
	}
	return serve(l, func(conn net.Conn) {
		c, err := blocking(conn)
		if err != nil {
			return
		}
		defer unix.Close(c.fd)
		for r := bufio.NewReader(c); ; {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, req.Body)
			status, size := answer(req.URL.Path)
			fmt.Fprintf(c, "HTTP/1.1 %d Whatever\r\nContent-Length: %d\r\n\r\n", status, size)
			if size > 0 {
				_, _ = c.Write(bytes.Repeat([]byte("x"), size))
			}
		}
	})
}

// rawClient sends requests as httpClient does, by system calls on one
// connection, the head of each in two pieces.
func rawClient(args []string) error {
	conn, err := net.Dial("tcp", args[0])
	if err != nil {
		return err
	}
	c, err := blocking(conn)
	if err != nil {
		return err
	}
	defer unix.Close(c.fd)
	r := bufio.NewReader(c)
	for _, request := range args[2:] {
		method, path, _ := strings.Cut(request, ":")
		body := ""
		if method == http.MethodPost {
			body = strings.Repeat("b", 3000)
		}
		for _, piece := range []string{
			fmt.Sprintf("%s %s HTTP/1.1\r\nHost: raw.example\r\n", method, path),
			fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body),
		} {
			if _, err := c.Write([]byte(piece)); err != nil {
				return err
			}
		}
		resp, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			return err
		}
		n, err := io.Copy(io.Discard, resp.Body)
		if err := errors.Join(err, resp.Body.Close()); err != nil {
			return err
		}
		status, size := answer(path)
		if resp.StatusCode != status || int(n) != size {
			return fmt.Errorf("%s: status %d with %d bytes", request, resp.StatusCode, n)
		}
	}
	return nil
}
