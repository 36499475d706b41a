// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package ring reads BPF ring buffers and perf buffers. Each is read by one goroutine,
// without an allocation per record.
package ring

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/ringbuf"

	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// Reader drains one ring buffer, or the perf buffers of one map.
type Reader struct {
	source
	handle func([]byte)
}

// source is what a reader reads.
type source interface {
	// ready prepares to read until the deadline, and tells whether that is worth while.
	ready(deadline time.Time) (bool, error)
	// next gives the next record, or none and no error where the kernel tells something
	// else.
	next() ([]byte, error)
	Flush() error
	Close() error
	// occupancy gives the bytes that wait, as far as is known, and the size.
	occupancy() (pending, size int)
}

// Open opens the ring or perf buffers that a probe names.
func Open(r probe.Ring) (*Reader, error) {
	if r.Map.Type() == ebpf.PerfEventArray {
		return newPerf(r)
	}
	return New(r.Map, r.Handle)
}

type ringSource struct {
	*ringbuf.Reader
	rec    ringbuf.Record
	ring   watched
	wait   *waiter
	closed atomic.Bool
}

func (s *ringSource) next() ([]byte, error) {
	err := s.ReadInto(&s.rec)
	return s.rec.RawSample, err
}

func (s *ringSource) occupancy() (pending, size int) { return s.AvailableBytes(), s.BufferSize() }

// ready waits by itself: the reader is only asked for what is there.
func (s *ringSource) ready(deadline time.Time) (bool, error) {
	if s.closed.Load() {
		return false, os.ErrClosed
	}
	if s.AvailableBytes() == 0 {
		if time.Until(deadline) <= 0 {
			return false, nil
		}
		if err := s.wait.until(deadline); err != nil {
			return false, err
		}
	}
	return s.AvailableBytes() > 0, nil
}

func (s *ringSource) Flush() error { return s.wait.wake() }

func (s *ringSource) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	return errors.Join(s.wait.close(), s.Reader.Close())
}

// past is a deadline that lets the reader not wait.
func past() time.Time { return time.Unix(1, 0) }

// New opens the ring buffer. handle takes each record, which is valid only
// during the call.
func New(m *ebpf.Map, handle func(record []byte)) (*Reader, error) {
	r, err := ringbuf.NewReader(m)
	if err != nil {
		return nil, fmt.Errorf("ring buffer %s cannot be read: %w", m, err)
	}
	ring := watched{fd: m.FD(), pending: r.AvailableBytes}
	w, err := newWaiter(ring)
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	r.SetDeadline(past())
	return &Reader{source: &ringSource{Reader: r, wait: w, ring: ring}, handle: handle}, nil
}

// Also ends a Drain that waits when something is in the other ring, which is to be drained by the same
// goroutine and closed later. Perf buffers neither end a wait nor are waited for so.
func (r *Reader) Also(other *Reader) {
	s, ok := r.source.(*ringSource)
	o, too := other.source.(*ringSource)
	if ok && too {
		s.wait.also(o.ring)
	}
}

// Drain handles records until none is left and the deadline has passed, or
// until it has handled max records. The kernel may leave records without
// waking the reader: what is there at the deadline is handled too. It gives
// the number of records, and os.ErrClosed after Close.
func (r *Reader) Drain(deadline time.Time, max int) (int, error) {
	if ok, err := r.ready(deadline); !ok {
		return 0, err
	}
	for n := range max {
		rec, err := r.next()
		if err != nil {
			// Perf buffers and ring buffers have the same ErrFlushed.
			if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, ringbuf.ErrFlushed) {
				return n, nil
			}
			return n, err
		}
		if rec != nil {
			r.handle(rec)
		}
	}
	return max, nil
}

// Wake ends a Drain that waits, from another goroutine.
func (r *Reader) Wake() error { return r.Flush() }

// Counted tells whether Occupancy knows the bytes that wait.
func (r *Reader) Counted() bool {
	_, ok := r.source.(*ringSource)
	return ok
}

// Occupancy gives the bytes that wait and the size of the ring. Of perf buffers it is not
// known how many wait.
func (r *Reader) Occupancy() (pending, size int) { return r.occupancy() }
