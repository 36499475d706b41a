// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"bytes"
	"time"
)

const (
	// patience is how long records wait until their process is known.
	patience = uint64(time.Second)
	// retryEvery is the pace at which they are tried, ns.
	retryEvery = 10e6
	// lastWait is how long the end waits for that: other goroutines are about to read it.
	lastWait = 100 * time.Millisecond
	// maxDeferred bounds the records that wait, and maxDeferredBytes what they hold: a
	// process that lived for a moment has a few small ones.
	maxDeferred      = 4096
	maxDeferredBytes = 4 << 20
)

// deferred holds the records of processes that nothing is known of yet: a child that served
// one connection may end before its exit has been read, which comes by another ring.
type deferred struct {
	records []deferredRecord    // oldest first
	conns   map[uint64]struct{} // of these
	bytes   int
	tried   uint64 // boot time of the last retry, ns
}

type deferredRecord struct {
	raw  []byte
	conn uint64
	at   uint64 // boot time since which it waits, ns
}

// waits tells that earlier records of the connection wait.
func (w *deferred) waits(conn uint64) bool {
	_, ok := w.conns[conn]
	return ok
}

// add takes a record that is not used elsewhere.
func (w *deferred) add(r deferredRecord) {
	if w.conns == nil {
		w.conns = map[uint64]struct{}{}
	}
	w.records = append(w.records, r)
	w.conns[r.conn] = struct{}{}
	w.bytes += len(r.raw)
}

// isFull tells that n bytes more are too many.
func (w *deferred) isFull(n int) bool {
	return len(w.records) >= maxDeferred || w.bytes+n > maxDeferredBytes
}

// later lets a record wait for its process, or its turn.
func (d *daemon) later(raw []byte, conn uint64) {
	if d.waiting.isFull(len(raw)) {
		d.overflow++
		return
	}
	d.waiting.add(deferredRecord{bytes.Clone(raw), conn, d.set.Clock.Now()})
}

// retry takes the records whose processes are known by now, in their order. Those that have
// waited long enough are of processes that are not selected.
func (d *daemon) retry(now uint64) {
	w := &d.waiting
	if len(w.records) == 0 || now-w.tried < retryEvery {
		return
	}
	w.tried = now
	records := w.records
	w.records, w.conns, w.bytes = nil, nil, 0
	for _, r := range records {
		switch {
		case w.waits(r.conn):
		case d.take(r.raw):
			continue
		case now-r.at > patience:
			d.filtered++
			continue
		}
		w.add(r)
	}
}

// settle is the last retry.
func (d *daemon) settle() {
	for end := time.Now().Add(lastWait); ; time.Sleep(lastWait / 20) {
		d.waiting.tried = 0
		d.retry(d.set.Clock.Now())
		if len(d.waiting.records) == 0 || time.Now().After(end) {
			break
		}
	}
	d.filtered += uint64(len(d.waiting.records))
	d.waiting = deferred{}
}
