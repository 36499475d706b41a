// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package hits

import (
	"errors"
	"fmt"
	"io"
	"math"
	"sync/atomic"

	"github.com/cilium/ebpf"
	"go.uber.org/zap"

	"github.com/ebpfreceiver/ebpfreceiver/internal/uprobe"
)

// Validate checks a budget, hits per second: 0 is none.
func Validate(perSecond float64) error {
	if perSecond < 0 || math.IsNaN(perSecond) || math.IsInf(perSecond, 0) {
		return fmt.Errorf("max_hits_per_second: %v is not a number from 0 on", perSecond)
	}
	return nil
}

// Budget keeps the files of one probe within its budget. It is used on one goroutine.
type Budget struct {
	perSecond float64
	log       *zap.Logger
	counted   *ebpf.Map
	before    func(io.Closer) error

	seen  map[uint32]uint64 // hits of each process when last read
	files map[*file]struct{}
	read  uint64 // when they were read, boot time, ns
	// skipped is read by other goroutines.
	skipped atomic.Uint64
}

// file is one of them.
type file struct {
	b    *Budget
	held *uprobe.Held
	path string
	duty duty
}

var _ io.Closer = (*file)(nil)

// New makes one for programs with bpf/include/hits.h. before is called before a file is attached
// again. It is nil when there is no budget.
func New(perSecond float64, coll *ebpf.Collection, log *zap.Logger, before func(io.Closer) error) (*Budget, error) {
	if perSecond == 0 {
		return nil, nil //nolint:nilnil // as documented
	}
	if err := coll.Variables["hits_counted"].Set(uint8(1)); err != nil {
		return nil, fmt.Errorf("the kernel cannot be told to count hits: %w", err)
	}
	return &Budget{
		perSecond: perSecond, log: log, counted: coll.Maps["hits"], before: before,
		seen: map[uint32]uint64{}, files: map[*file]struct{}{},
	}, nil
}

// Hold keeps an attached file within the budget, until the result is closed. now is kernel boot
// time, ns.
func (b *Budget) Hold(held *uprobe.Held, path string, now uint64) io.Closer {
	f := &file{b, held, path, duty{since: now}}
	b.files[f] = struct{}{}
	return f
}

// Close implements io.Closer.
func (f *file) Close() error {
	delete(f.b.files, f)
	return f.held.Close()
}

// Skipped is about how many hits there would have been of what was detached, at the rates before. It
// is safe for concurrent use.
func (b *Budget) Skipped() uint64 {
	if b == nil {
		return 0
	}
	return b.skipped.Load()
}

// Tick detaches and attaches what is due. of gives the files of a process, as Hold made them; now is
// kernel boot time, ns. It looks at the hits once a second.
func (b *Budget) Tick(now uint64, of func(pid uint32) []io.Closer) {
	if b == nil || len(b.files) == 0 {
		return
	}
	if now-b.read >= window {
		b.read = now
		if err := b.count(of); err != nil {
			b.log.Warn("Hits of uprobes cannot be counted", zap.Error(err))
			return
		}
		for f := range b.files {
			b.judge(f, now)
		}
		return
	}
	for f := range b.files {
		if f.duty.until != 0 && now >= f.duty.until {
			b.judge(f, now)
		}
	}
}

// count gives each file the hits of its busiest process.
func (b *Budget) count(of func(pid uint32) []io.Closer) error {
	var pid uint32
	var perCPU []uint64
	seen := make(map[uint32]uint64, len(b.seen))
	busiest := map[*file]uint64{}
	it := b.counted.Iterate()
	for it.Next(&pid, &perCPU) {
		var sum uint64
		for _, n := range perCPU {
			sum += n
		}
		seen[pid] = sum
		more := sum - min(sum, b.seen[pid])
		if more == 0 {
			continue
		}
		for _, c := range of(pid) {
			if f, ok := c.(*file); ok && f.duty.until == 0 {
				busiest[f] = max(busiest[f], more)
			}
		}
	}
	err := it.Err()
	if err != nil { // some were not reached: of them what is known stays, lest all that they ever hit is new
		for pid, n := range b.seen {
			if _, ok := seen[pid]; !ok {
				seen[pid] = n
			}
		}
	}
	b.seen = seen
	for f, n := range busiest {
		f.duty.hits += n
	}
	if errors.Is(err, ebpf.ErrIterationAborted) {
		return nil
	}
	return err
}

func (b *Budget) judge(f *file, now uint64) {
	again := f.duty.sampled
	do, rate := f.duty.next(now, b.perSecond)
	switch do {
	case rest:
		b.skipped.Add(uint64(rate * float64(f.duty.until-now) / 1e9))
		if err := f.held.Pause(); err != nil {
			b.log.Warn("Uprobes of a file cannot be detached", zap.String("file", f.path), zap.Error(err))
		}
		if !again {
			b.log.Warn("A process hits the probes of a file more often than max_hits_per_second allows: they are attached only a part "+
				"of the time, and what it does in between is not seen",
				zap.String("file", f.path), zap.Float64("hits_per_second", math.Round(rate)), zap.Float64("max_hits_per_second", b.perSecond))
		}
	case wake:
		if err := b.before(f); err != nil {
			b.log.Warn("What was not seen of a file's processes cannot be noted", zap.String("file", f.path), zap.Error(err))
		}
		if err := f.held.Resume(); err != nil {
			f.duty.until = now + retry
			b.log.Warn("Uprobes of a file cannot be attached again, which is tried once more later", zap.String("file", f.path), zap.Error(err))
		}
	case settle:
		b.log.Info("The probes of a file are attached all of the time again", zap.String("file", f.path))
	}
}
