// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package inkernel

import (
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// Collect reads the hashes and emits all series. Those of processes that have ended are
// emitted a last time.
//
// Returns an error when one cannot be read. Nothing is emitted then.
func (t *Table[D, V]) Collect(now time.Time) error {
	if err := t.read(); err != nil {
		return err
	}
	at := pcommon.NewTimestampFromTime(now)
	delivered := uint64(0)
	for _, p := range t.order {
		if p.info == nil || t.young(p) {
			continue
		}
		delivered += t.events(p)
		if !p.ended || p.fresh {
			t.emit(p, at)
		}
		p.fresh = false
	}
	t.counts.Delivered = t.retired + delivered
	t.forget()
	return nil
}

// read adds up what is in the hashes, and takes out of them what belongs to processes that
// have ended or are not selected.
func (t *Table[D, V]) read() error {
	if len(t.hashes) == 0 {
		return nil
	}
	if t.keys == nil {
		t.keys, t.values = make([]Key[D], batch), make([]V, batch)
		t.words = make([]uint64, len(words(&t.values[0])))
	}
	t.now = t.set.Clock.Now()
	for _, p := range t.order {
		if p.packed {
			continue
		}
		t.identify(p)
		for _, s := range p.all {
			clear(s.total)
			copy(s.total, s.kept)
		}
	}
	var errs []error
	entries, dead := 0, 0
	for _, hash := range t.hashes {
		t.dead = t.dead[:0]
		n, err := t.scan(hash)
		errs = append(errs, err)
		entries, dead = entries+n, dead+len(t.dead)
		// Also after an error: what is in dead has been kept.
		for i := range t.dead {
			if err := hash.Delete(&t.dead[i]); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
				errs = append(errs, fmt.Errorf("take out what was counted of a process that has ended: %w", err))
			}
		}
	}
	ended := 0
	for _, p := range t.order {
		if p.ended && !p.packed {
			t.pack(p)
			ended++
		}
	}
	t.pressure.read(entries-dead, dead, ended)
	return errors.Join(errs...)
}

// scan reads a hash in batches, and gives the number of its entries.
func (t *Table[D, V]) scan(hash *ebpf.Map) (entries int, err error) {
	var cursor ebpf.MapBatchCursor
	for {
		n, err := hash.BatchLookup(&cursor, t.keys, t.values, nil)
		if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return entries, fmt.Errorf("read what was counted in the kernel: %w", err)
		}
		entries += n
		for i := range n {
			t.add(&t.keys[i], words(&t.values[i]))
		}
		if err != nil {
			return entries, nil
		}
	}
}

// add takes one entry of the hash.
func (t *Table[D, V]) add(k *Key[D], v []uint64) {
	p := t.find(&k.Owner)
	if p.info == nil {
		if t.waits(p) {
			return
		}
		n := t.schema.Events(v)
		if t.all {
			t.counts.Unmatched += n
		} else {
			t.counts.Filtered += n
		}
		t.dead = append(t.dead, *k)
		return
	}
	if p.packed {
		p.unpack(len(v))
	}
	s := p.find(&k.Dims, len(v))
	for i, n := range v {
		s.total[i] += n
	}
	if !p.ended {
		return
	}
	if s.kept == nil {
		s.kept = make([]uint64, len(v))
	}
	for i, n := range v {
		s.kept[i] += n
	}
	t.dead = append(t.dead, *k)
	p.fresh = true
}

func (t *Table[D, V]) emit(p *process[D], now pcommon.Timestamp) {
	var out pmetric.Metric
	for i := range t.schema.Metrics {
		m := &t.schema.Metrics[i]
		begun := i > 0 && t.schema.Metrics[i-1].Name == m.Name && out != (pmetric.Metric{})
		if !begun {
			out = pmetric.Metric{}
		}
		for _, s := range p.all {
			words := t.wordsOf(p, s)
			if !m.has(&s.dims, words) {
				continue
			}
			if out == (pmetric.Metric{}) {
				out = t.set.Emit.Metric(p.info)
				m.begin(out)
			}
			attrs := m.point(out, words, p.start, now)
			if m.Attributes != nil {
				m.Attributes(attrs, &s.dims)
			}
		}
	}
}
