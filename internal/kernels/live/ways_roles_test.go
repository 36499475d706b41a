// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package live

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// way is how a side of a connection moves its bytes, or comes by the connection.
type way struct {
	name        string
	read, write func(fd int, b []byte) (int, error)
	// body sends that of a response, where it is not write that does.
	body func(fd int, b []byte) error
	// via hands the descriptor on to who does the work, in place of this process.
	via func(fd int, role string, w *way, path string) error
}

// size is that of a response's body: more than is captured of it.
const size = 20000

// ways are taken one after the other, each with a new connection, which gets the
// descriptor's number of the one before.
var ways = []way{
	{name: "plain", read: unix.Read, write: unix.Write},
	{name: "mmsg", read: recvmmsg, write: sendmmsg},
	{name: "waiting", read: whenReady(unix.Read, unix.POLLIN), write: whenReady(unix.Write, unix.POLLOUT)},
	{name: "peek", read: peekAndRead, write: unix.Write},
	{name: "pieces", read: unix.Read, write: inPieces},
	{name: "sendfile", read: unix.Read, write: unix.Write, body: sendfile},
	{name: "splice", read: unix.Read, write: unix.Write, body: splice},
	{name: "dup", read: unix.Read, write: unix.Write, via: viaDup},
	{name: "child", read: unix.Read, write: unix.Write, via: viaChild},
	{name: "passed", read: unix.Read, write: unix.Write, via: viaPassing},
}

type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
	_   [4]byte
}

// vector makes headers for the two halves of b.
func vector(b []byte) (hdrs [2]mmsghdr) {
	half := (len(b) + 1) / 2
	for i, part := range [][]byte{b[:half], b[half:]} {
		if len(part) == 0 {
			continue
		}
		iov := &unix.Iovec{Base: &part[0]}
		iov.SetLen(len(part))
		hdrs[i].hdr.Iov = iov
		hdrs[i].hdr.SetIovlen(1)
	}
	return hdrs
}

func mmsg(call uintptr, fd int, b []byte, flags uintptr) (int, error) {
	hdrs := vector(b)
	n, _, errno := unix.Syscall6(call, uintptr(fd), uintptr(unsafe.Pointer(&hdrs[0])), uintptr(len(hdrs)), flags, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	moved, half := 0, (len(b)+1)/2
	for i := range int(n) {
		if i > 0 && moved < half { // more came after the first half was left unfilled
			copy(b[moved:], b[half:half+int(hdrs[i].len)])
		}
		moved += int(hdrs[i].len)
	}
	return moved, nil
}

func sendmmsg(fd int, b []byte) (int, error) { return mmsg(unix.SYS_SENDMMSG, fd, b, 0) }

// recvmmsg fills the second half when the first one is full, or when more comes meanwhile.
func recvmmsg(fd int, b []byte) (int, error) {
	return mmsg(unix.SYS_RECVMMSG, fd, b[:min(len(b), 64)], unix.MSG_WAITFORONE)
}

// whenReady asks a socket that does not block, and waits where it is not ready.
func whenReady(call func(int, []byte) (int, error), event int16) func(int, []byte) (int, error) {
	return func(fd int, b []byte) (int, error) {
		if err := unix.SetNonblock(fd, true); err != nil {
			return 0, err
		}
		for {
			n, err := call(fd, b)
			if !errors.Is(err, unix.EAGAIN) {
				return n, err
			}
			if _, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: event}}, 10000); err != nil && !errors.Is(err, unix.EINTR) {
				return 0, err
			}
		}
	}
}

// peekAndRead looks twice at what it then reads.
func peekAndRead(fd int, b []byte) (int, error) {
	for range 2 {
		if _, _, err := unix.Recvfrom(fd, b, unix.MSG_PEEK); err != nil {
			return 0, err
		}
	}
	return unix.Read(fd, b)
}

func inPieces(fd int, b []byte) (int, error) {
	for at := 0; at < len(b); {
		end := min(at+max(len(b)/7, 9), len(b))
		n, err := unix.Write(fd, b[at:end])
		if err != nil {
			return at, err
		}
		at += n
	}
	return len(b), nil
}

func sendfile(fd int, b []byte) error {
	f, err := os.CreateTemp("", "body")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := f.Write(b); err != nil {
		return err
	}
	offset := int64(0)
	for offset < int64(len(b)) {
		if _, err := unix.Sendfile(fd, int(f.Fd()), &offset, len(b)-int(offset)); err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
	}
	return nil
}

func splice(fd int, b []byte) error {
	var pipe [2]int
	if err := unix.Pipe(pipe[:]); err != nil {
		return err
	}
	defer unix.Close(pipe[0])
	defer unix.Close(pipe[1])
	for len(b) > 0 { // a pipe holds 64 KiB
		n, err := unix.Write(pipe[1], b[:min(len(b), 4096)])
		if err != nil {
			return err
		}
		b = b[n:]
		for n > 0 {
			moved, err := unix.Splice(pipe[0], nil, fd, nil, n, 0)
			if err != nil && !errors.Is(err, unix.EINTR) {
				return err
			}
			n -= int(max(moved, 0))
		}
	}
	return nil
}

func viaDup(fd int, role string, w *way, path string) error {
	other, err := unix.Dup(fd)
	if err != nil {
		return err
	}
	defer unix.Close(other)
	if err := unix.Close(fd); err != nil {
		return err
	}
	return conduct(other, role, w, path)
}

// known is what a receiver is given to handle an exec. Until it has, it knows the
// process by what it was before.
const known = 500 * time.Millisecond

// after gives what can be read some time later.
type after struct {
	delay time.Duration
	io.Reader
}

func (a *after) Read(b []byte) (int, error) {
	time.Sleep(a.delay)
	a.delay = 0
	return a.Reader.Read(b)
}

// start starts this program once more, in a role, with one descriptor.
func start(role string, f *os.File, args ...string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, args...)
	cmd.Env = []string{roleKey + "=" + role, "OTEL_SERVICE_NAME=" + role}
	cmd.Stdin, cmd.Stderr, cmd.ExtraFiles = &after{known, strings.NewReader("\n")}, os.Stderr, []*os.File{f}
	return cmd, cmd.Start()
}

// viaChild lets a child do the work with the descriptor that it inherits.
func viaChild(fd int, role string, w *way, path string) error {
	f := os.NewFile(uintptr(fd), "connection")
	cmd, err := start(role+"-child", f, w.name, path)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return cmd.Wait()
}

// viaPassing lets a process do the work that gets the descriptor by a message.
func viaPassing(fd int, role string, w *way, path string) error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(pair[0])
	f := os.NewFile(uintptr(pair[1]), "channel")
	cmd, err := start(role+"-heir", f, w.name, path)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	err = unix.Sendmsg(pair[0], []byte{1}, unix.UnixRights(fd), nil, 0)
	return errors.Join(err, unix.Close(fd), cmd.Wait())
}

func child(role string) func([]string) error {
	return func(args []string) error { return conduct(3, role, named(args[0]), args[1]) }
}

func heir(role string) func([]string) error {
	return func(args []string) error {
		oob := make([]byte, unix.CmsgSpace(4))
		_, n, _, _, err := unix.Recvmsg(3, make([]byte, 1), oob, 0)
		if err != nil {
			return err
		}
		messages, err := unix.ParseSocketControlMessage(oob[:n])
		if err != nil || len(messages) != 1 {
			return fmt.Errorf("no descriptor came: %d messages, %w", len(messages), err)
		}
		fds, err := unix.ParseUnixRights(&messages[0])
		if err != nil {
			return err
		}
		return conduct(fds[0], role, named(args[0]), args[1])
	}
}

// conn is a descriptor that is used in a way.
type conn struct {
	fd int
	w  *way
}

// Read goes on after a signal, as Go's runtime sends them to its threads: kernels differ in which
// calls they begin again by themselves.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.w.read(c.fd, b)
	for errors.Is(err, unix.EINTR) {
		n, err = c.w.read(c.fd, b)
	}
	if n == 0 && err == nil {
		err = io.EOF
	}
	return max(n, 0), err
}

func (c *conn) Write(b []byte) (int, error) {
	for at := 0; at < len(b); {
		n, err := c.w.write(c.fd, b[at:])
		at += max(n, 0)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return at, err
		}
	}
	return len(b), nil
}

func named(name string) *way {
	return &ways[slices.IndexFunc(ways, func(w way) bool { return w.name == name })]
}

// conduct is one side of a connection.
func conduct(fd int, role string, w *way, path string) error {
	c := &conn{fd, w}
	r := bufio.NewReaderSize(c, 4096)
	if role == "way-server" {
		return answerAll(c, r)
	}
	for range 2 { // a connection is kept
		if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: way.example\r\n\r\n", path); err != nil {
			return err
		}
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			return err
		}
		n, err := io.Copy(io.Discard, resp.Body)
		if err := errors.Join(err, resp.Body.Close()); err != nil {
			return err
		}
		if n != size {
			return fmt.Errorf("%s: %d bytes came", path, n)
		}
	}
	return nil
}

func answerAll(c *conn, r *bufio.Reader) error {
	for {
		if _, err := http.ReadRequest(r); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size); err != nil {
			return err
		}
		body := make([]byte, size)
		if c.w.body != nil {
			if err := c.w.body(c.fd, body); err != nil {
				return err
			}
			continue
		}
		if _, err := c.Write(body); err != nil {
			return err
		}
	}
}

// wayServer and wayClient take network, address, path and the names of ways that are
// left out, and have one connection in each other way.
func wayServer(args []string) error {
	network, prepare := prepared(args[0])
	l, err := net.Listen(network, args[1])
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, l.Addr())
	return eachWay("way-server", args[2], args[3], l.Accept, prepare)
}

func wayClient(args []string) error {
	network, prepare := prepared(args[0])
	return eachWay("way-client", args[2], args[3], func() (net.Conn, error) { return net.Dial(network, args[1]) }, prepare)
}

// prepared tells what is done with each connection of a network first.
func prepared(network string) (string, func(fd int, role string) error) {
	if how, ok := strings.CutPrefix(network, "ktls "); ok {
		return "tcp", func(fd int, role string) error { return encrypt(fd, role, how) }
	}
	return network, func(int, string) error { return nil }
}

func eachWay(role, path, without string, get func() (net.Conn, error), prepare func(fd int, role string) error) error {
	for i := range ways {
		w := &ways[i]
		if slices.Contains(strings.Split(without, ","), w.name) {
			continue
		}
		c, err := get()
		if err != nil {
			return err
		}
		fd, err := descriptor(c)
		if err != nil {
			return err
		}
		if err := prepare(fd, role); err != nil {
			return err
		}
		if w.via != nil {
			err = w.via(fd, role, w, path+w.name)
		} else {
			err = errors.Join(conduct(fd, role, w, path+w.name), unix.Close(fd))
		}
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
	}
	return nil
}

// descriptor takes a connection out of the hands of the Go runtime.
func descriptor(c net.Conn) (int, error) {
	f, err := c.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		return 0, err
	}
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	return fd, errors.Join(f.Close(), c.Close(), unix.SetNonblock(fd, false))
}
