// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package ring reads BPF ring buffers. Each is read by one goroutine, without
// an allocation per record.
package ring

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/ringbuf"
)

// Reader drains one ring buffer.
type Reader struct {
	r      *ringbuf.Reader
	rec    ringbuf.Record
	handle func([]byte)
}

// New opens the ring buffer. handle takes each record, which is valid only
// during the call.
func New(m *ebpf.Map, handle func(record []byte)) (*Reader, error) {
	r, err := ringbuf.NewReader(m)
	if err != nil {
		return nil, fmt.Errorf("ring buffer %s cannot be read: %w", m, err)
	}
	return &Reader{r: r, handle: handle}, nil
}

// Drain handles records until none is left and the deadline has passed, or
// until it has handled max records. The kernel may leave records without
// waking the reader: what is there at the deadline is handled too. It gives
// the number of records, and os.ErrClosed after Close.
func (r *Reader) Drain(deadline time.Time, max int) (int, error) {
	r.r.SetDeadline(deadline)
	for n := range max {
		if err := r.r.ReadInto(&r.rec); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, ringbuf.ErrFlushed) {
				return n, nil
			}
			return n, err
		}
		r.handle(r.rec.RawSample)
	}
	return max, nil
}

// Wake ends a Drain that waits, from another goroutine.
func (r *Reader) Wake() error { return r.r.Flush() }

// Occupancy gives the bytes that wait and the size of the ring.
func (r *Reader) Occupancy() (pending, size int) {
	return r.r.AvailableBytes(), r.r.BufferSize()
}

// Close ends the reader. Drain returns os.ErrClosed then.
func (r *Reader) Close() error { return r.r.Close() }
