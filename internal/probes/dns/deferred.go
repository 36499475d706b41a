// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package dns

import (
	"bytes"
	"time"
)

const (
	// patience is how long a record waits until its process is known.
	patience = uint64(time.Second)
	// lastWait is how long the end waits for that: other goroutines are about to know it.
	lastWait = 100 * time.Millisecond
	// maxDeferred bounds the records that do.
	maxDeferred = 4096
)

// deferred holds records of processes that nothing is known of yet, oldest first.
type deferred struct {
	records  []deferredRecord
	dropped  uint64 // of processes that stayed unknown or are not selected
	overflow uint64 // above the bound
}

type deferredRecord struct {
	raw  []byte
	time uint64 // boot time, ns
}

// add copies a record.
func (d *deferred) add(raw []byte, at uint64) {
	if len(d.records) >= maxDeferred {
		d.overflow++
		return
	}
	d.records = append(d.records, deferredRecord{bytes.Clone(raw), at})
}

// drop gives up on all.
func (d *deferred) drop() {
	d.dropped += uint64(len(d.records))
	d.records = nil
}

// settle is the last retry.
func (p *instrument) settle() {
	for end := time.Now().Add(lastWait); ; time.Sleep(lastWait / 20) {
		p.retry(p.set.Clock.Now())
		if len(p.deferred.records) == 0 || time.Now().After(end) {
			break
		}
	}
	p.deferred.drop()
}

// retry takes the records whose processes are known by now, and drops the others when they
// have waited long enough.
func (p *instrument) retry(now uint64) {
	d := &p.deferred
	if len(d.records) == 0 {
		return
	}
	waiting := d.records[:0]
	for _, r := range d.records {
		e, data, ok := view(r.raw)
		if !ok {
			continue // it was when it was added
		}
		switch process := p.set.Processes.Lookup(e.Tgid, e.Start); {
		case process != nil:
			p.message(e, data, process)
		case now-r.time > patience:
			d.dropped++
		default:
			waiting = append(waiting, r)
		}
	}
	clear(d.records[len(waiting):])
	d.records = waiting
}
