// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package ring

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// waiter waits for the kernel to wake the reader of a ring, as Go waits for sockets: a thread of
// its own that is blocked in a system call would keep the monitor of Go's scheduler awake for
// milliseconds after each wait, which on a host at rest costs more than all else.
//
// The ring is in an epoll instance of its own, which Go waits for, and only while there is a wait:
// else each record that is to wake a reader who is busy would wake a thread for nothing.
type waiter struct {
	ring, epoll int
	file        *os.File // epoll
	raw         syscall.RawConn
	woken       atomic.Bool
	ready       func(uintptr) bool
}

// newWaiter makes one for the ring buffer fd, of which pending tells the bytes that wait.
func newWaiter(fd int, pending func() int) (*waiter, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("wait for a ring buffer: %w", err)
	}
	// Else Go takes it for something that cannot be waited for.
	if err := unix.SetNonblock(epoll, true); err != nil {
		return nil, errors.Join(fmt.Errorf("wait for a ring buffer: %w", err), unix.Close(epoll))
	}
	w := &waiter{ring: fd, epoll: epoll, file: os.NewFile(uintptr(epoll), "ring")}
	if err = w.file.SetReadDeadline(time.Time{}); err == nil {
		w.raw, err = w.file.SyscallConn()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("wait for a ring buffer: %w", err), w.file.Close())
	}
	w.ready = func(uintptr) bool { return pending() > 0 || w.woken.Load() }
	return w, nil
}

// until waits until something is in the ring, somebody calls wake, or the deadline has passed.
// It returns an error after close.
func (w *waiter) until(deadline time.Time) error {
	if err := w.file.SetReadDeadline(deadline); err != nil {
		return err
	}
	if err := unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, w.ring, &unix.EpollEvent{Events: unix.EPOLLIN}); err != nil {
		return fmt.Errorf("wait for a ring buffer: %w", err)
	}
	err := w.raw.Read(w.ready)
	w.woken.Store(false)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = nil
	}
	if del := unix.EpollCtl(w.epoll, unix.EPOLL_CTL_DEL, w.ring, nil); err == nil && del != nil {
		err = fmt.Errorf("end the wait for a ring buffer: %w", del)
	}
	return err
}

// wake ends a call of until, or the next one, from another goroutine.
func (w *waiter) wake() error {
	w.woken.Store(true)
	return w.file.SetReadDeadline(time.Unix(1, 0))
}

func (w *waiter) close() error { return w.file.Close() }
