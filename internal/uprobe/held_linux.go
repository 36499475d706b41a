// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package uprobe

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// Held is what [Attach] attaches, and can be detached for a while: it keeps the file open. It is
// used on one goroutine.
type Held struct {
	file  *os.File
	hooks []Hook
	o     Options
	now   []io.Closer // none while it is detached
}

var _ io.Closer = (*Held)(nil)

// Hold does what [Attach] does.
func Hold(file *os.File, hooks []Hook, o Options) (*Held, error) {
	now, err := Attach(file, hooks, o)
	if err != nil {
		return nil, err
	}
	own, err := Reopen(file)
	if err != nil {
		return nil, errors.Join(err, now.Close())
	}
	return &Held{own, slices.Clone(hooks), o, []io.Closer{now}}, nil
}

// Reopen makes a descriptor of its own for an open file, whatever its path leads to by now.
//
// Returns an error that wraps the kernel's.
func Reopen(open *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(open.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("keep %s open: %w", open.Name(), err)
	}
	return os.NewFile(uintptr(fd), open.Name()), nil //nolint:gosec // a descriptor is not negative
}

// Add attaches these, too, now or when it is attached again.
func (h *Held) Add(hooks []Hook) error {
	if len(h.now) > 0 {
		more, err := Attach(h.file, hooks, h.o)
		if err != nil {
			return err
		}
		h.now = append(h.now, more)
	}
	h.hooks = append(h.hooks, hooks...)
	return nil
}

// Pause detaches. It does nothing when that is so.
func (h *Held) Pause() error {
	var errs []error
	for _, c := range h.now {
		errs = append(errs, c.Close())
	}
	h.now = nil
	return errors.Join(errs...)
}

// Resume attaches again. It does nothing when that is so.
func (h *Held) Resume() error {
	if len(h.now) > 0 {
		return nil
	}
	now, err := Attach(h.file, h.hooks, h.o)
	if err == nil {
		h.now = []io.Closer{now}
	}
	return err
}

// Close implements io.Closer.
func (h *Held) Close() error { return errors.Join(h.Pause(), h.file.Close()) }
