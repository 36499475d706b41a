// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

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
// its own that is blocked in a system call would keep the scheduler's monitor awake for
// milliseconds after each wait, which on a host at rest costs more than all else.
type waiter struct {
	file  *os.File
	raw   syscall.RawConn
	woken atomic.Bool
	ready func(uintptr) bool
}

// newWaiter makes one for the ring buffer fd, of which pending tells the bytes that wait.
func newWaiter(fd int, pending func() int) (*waiter, error) {
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("duplicate the descriptor of a ring buffer: %w", err)
	}
	// Without it Go takes it for a file that cannot be waited for. To a map it means nothing.
	if err := unix.SetNonblock(own, true); err != nil {
		return nil, errors.Join(fmt.Errorf("prepare the descriptor of a ring buffer: %w", err), unix.Close(own))
	}
	w := &waiter{file: os.NewFile(uintptr(own), "ring")}
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
// It returns os.ErrClosed after close.
func (w *waiter) until(deadline time.Time) error {
	if err := w.file.SetReadDeadline(deadline); err != nil {
		return err
	}
	err := w.raw.Read(w.ready)
	w.woken.Store(false)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return err
}

// wake ends a call of until, or the next one, from another goroutine.
func (w *waiter) wake() error {
	w.woken.Store(true)
	return w.file.SetReadDeadline(time.Unix(1, 0))
}

func (w *waiter) close() error { return w.file.Close() }
