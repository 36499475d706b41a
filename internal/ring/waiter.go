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

// waiter waits for the kernel to wake the reader of a ring or of several, as Go waits for sockets: a thread of
// its own that is blocked in a system call would keep the monitor of Go's scheduler awake for
// milliseconds after each wait, which on a host at rest costs more than all else.
//
// The rings are in an epoll instance of their own, which Go waits for, and only while there is a wait:
// else each record that is to wake a reader who is busy would wake a thread for nothing.
type waiter struct {
	rings []watched
	epoll int
	file  *os.File // epoll
	raw   syscall.RawConn
	woken atomic.Bool
	ready func(uintptr) bool
}

// watched is a ring that is waited for, of which pending tells the bytes that wait.
type watched struct {
	fd      int
	pending func() int
}

// newWaiter makes one for a ring buffer.
func newWaiter(ring watched) (*waiter, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("wait for a ring buffer: %w", err)
	}
	// Else Go takes it for something that cannot be waited for.
	if err := unix.SetNonblock(epoll, true); err != nil {
		return nil, errors.Join(fmt.Errorf("wait for a ring buffer: %w", err), unix.Close(epoll))
	}
	w := &waiter{rings: []watched{ring}, epoll: epoll, file: os.NewFile(uintptr(epoll), "ring")}
	if err = w.file.SetReadDeadline(time.Time{}); err == nil {
		w.raw, err = w.file.SyscallConn()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("wait for a ring buffer: %w", err), w.file.Close())
	}
	w.ready = func(uintptr) bool { return w.woken.Load() || w.filled() }
	return w, nil
}

func (w *waiter) filled() bool {
	for _, r := range w.rings {
		if r.pending() > 0 {
			return true
		}
	}
	return false
}

// also adds a ring, which must be closed after the waiter.
func (w *waiter) also(ring watched) { w.rings = append(w.rings, ring) }

// until waits until something is in a ring, somebody calls wake, or the deadline has passed.
// It returns an error after close.
func (w *waiter) until(deadline time.Time) error {
	if err := w.file.SetReadDeadline(deadline); err != nil {
		return err
	}
	var errs []error
	for i, r := range w.rings {
		if err := unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, r.fd, &unix.EpollEvent{Events: unix.EPOLLIN}); err != nil {
			return errors.Join(fmt.Errorf("wait for a ring buffer: %w", err), w.leave(w.rings[:i]))
		}
	}
	if err := w.raw.Read(w.ready); !errors.Is(err, os.ErrDeadlineExceeded) {
		errs = append(errs, err)
	}
	w.woken.Store(false)
	return errors.Join(append(errs, w.leave(w.rings))...)
}

// leave ends the wait for rings.
func (w *waiter) leave(rings []watched) error {
	var errs []error
	for _, r := range rings {
		if err := unix.EpollCtl(w.epoll, unix.EPOLL_CTL_DEL, r.fd, nil); err != nil {
			errs = append(errs, fmt.Errorf("end the wait for a ring buffer: %w", err))
		}
	}
	return errors.Join(errs...)
}

// wake ends a call of until, or the next one, from another goroutine.
func (w *waiter) wake() error {
	w.woken.Store(true)
	return w.file.SetReadDeadline(time.Unix(1, 0))
}

func (w *waiter) close() error { return w.file.Close() }
