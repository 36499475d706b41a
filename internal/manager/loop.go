// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"context"
	"errors"
	"os"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/ebpfreceiver/ebpfreceiver/internal/emit"
	"github.com/ebpfreceiver/ebpfreceiver/internal/ring"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

const (
	// pause is how long a loop waits for the kernel to wake it. Records that
	// do not wake it stay in the ring for at most that long.
	pause = 50 * time.Millisecond
	// rest is how long it waits when nothing has come to any loop for quiet: each wakeup costs,
	// also on a host where nothing happens.
	rest  = 400 * time.Millisecond
	quiet = time.Second
	// sleep is how long at most all loops but the first wait then, which looks after their rings
	// meanwhile. It is a multiple of rest: they wake together.
	sleep = 5 * rest
	// burst bounds the records that are handled before anything else gets its turn.
	burst = 4096
	// countEvery is how often the counts are renewed.
	countEvery = time.Second
	// countAtRest is that when nothing comes to any loop: it takes a system call for each program
	// and counter.
	countAtRest = 3 * time.Second
	// renewEvery is how often the clock is compared with the wall clock, which takes a
	// microsecond: so long after that was set are times wrong.
	renewEvery = 250 * time.Millisecond
)

// loop is one goroutine and what it serves.
type loop struct {
	m        *Manager
	name     string
	units    []*unit // in the order of their dependence
	batcher  *emit.Batcher
	rings    []*ring.Reader
	interval time.Duration

	stop  chan struct{}
	done  chan struct{}
	rouse chan struct{}   // ends the wait of a loop without rings
	end   context.Context // set before stop is closed: the deadline of the end

	asked asked

	shed     atomic.Pointer[probe.Shedding] // what the governor wants
	shedding *probe.Shedding                // what the probes were told

	nextCollect, counted, nextRenew time.Time
}

func newLoop(m *Manager, name string) *loop {
	return &loop{
		m:        m,
		name:     name,
		batcher:  emit.NewBatcher(m.sender, emit.DefaultBatchConfig(m.set.Config.Version)),
		interval: m.set.Config.CollectionInterval,
		stop:     make(chan struct{}),
		done:     make(chan struct{}),
		rouse:    make(chan struct{}, 1),
	}
}

// open makes the readers of the rings of a unit.
func (l *loop) open(u *unit) error {
	r, ok := u.probe.(probe.RingReader)
	if !ok {
		return nil
	}
	for _, s := range r.Rings() {
		reader, err := ring.Open(s)
		if err != nil {
			return err
		}
		if len(l.rings) > 0 {
			l.rings[0].Also(reader) // which is the one that waits
		}
		l.rings = append(l.rings, reader)
	}
	return nil
}

// close closes the readers. The goroutine does not run any more, or never did.
func (l *loop) close() error {
	var errs []error
	for _, r := range l.rings {
		errs = append(errs, r.Close())
	}
	l.rings = nil
	return errors.Join(errs...)
}

// pending gives the bytes that wait in the rings.
func (l *loop) pending() int {
	n := 0
	for _, r := range l.rings {
		bytes, _ := r.Occupancy()
		n += bytes
	}
	return n
}

// halt ends the goroutine after a last round. ctx bounds that round.
func (l *loop) halt(ctx context.Context) {
	l.end = ctx
	close(l.stop)
	for _, r := range l.rings {
		_ = r.Wake() // it then sees stop; at the worst it does so after the pause
	}
}

func (l *loop) run() {
	defer close(l.done)
	now := time.Now()
	l.nextCollect = now.Add(l.interval)
	l.nextRenew = now.Add(renewEvery)
	for {
		select {
		case <-l.stop:
			l.finish()
			return
		default:
		}
		deadline := l.m.nextTurn(now, l.patience(now))
		if l.nextCollect.Before(deadline) {
			deadline = l.nextCollect
		}
		n := l.drain(l.asked.due(now, deadline))
		now = time.Now()
		if n > 0 && l.m.stir.happened(now) {
			l.m.rouse(l)
		}
		l.tick(now)
		if l.isFirst() && l.m.stir.quiet(now) {
			l.m.lookAfter()
		}
	}
}

// patience is how long the loop waits for the kernel to wake it.
func (l *loop) patience(now time.Time) time.Duration {
	switch {
	case !l.m.stir.quiet(now):
		return pause
	case l.isFirst() || l.batcher.Open() || !l.isTold() || !l.isCounted():
		return rest
	default:
		return sleep
	}
}

func (l *loop) isFirst() bool { return len(l.m.loops) == 0 || l.m.loops[0] == l }

// isTold tells whether it is known of all its rings what waits in them.
func (l *loop) isTold() bool {
	for _, r := range l.rings {
		if !r.Counted() {
			return false
		}
	}
	return true
}

// isCounted tells whether the counts have all that happened last, with what probes held back of it.
func (l *loop) isCounted() bool { return l.m.stir.before(l.counted.Add(-2 * quiet)) }

// drain handles what the rings hold, and waits until the deadline if that is nothing.
func (l *loop) drain(deadline time.Time) int {
	if len(l.rings) == 0 {
		select {
		case <-l.stop:
		case <-l.rouse:
		case <-time.After(time.Until(deadline)):
		}
		return 0
	}
	total := 0
	for _, r := range l.rings {
		n, err := r.Drain(deadline, burst)
		total += n
		if err != nil && !errors.Is(err, os.ErrClosed) {
			l.m.log.Error("A ring buffer cannot be read", zap.String("probe", l.name), zap.Error(err))
			<-l.stop // nothing more can come from it; do not spin
			return total
		}
		if len(l.rings) > 1 {
			deadline = time.Now() // only the first one waits
		}
	}
	return total
}

// tick does what is due.
// tickProbes is called once before the loop runs, too: see [probe.Ticker].
func (l *loop) tickProbes(boot uint64) {
	for _, u := range l.units {
		if t, ok := u.probe.(probe.Ticker); ok {
			t.Tick(boot)
		}
	}
}

func (l *loop) tick(now time.Time) {
	if s := l.shed.Load(); s != l.shedding {
		l.shedding = s
		l.tellShedding()
	}
	l.asked.answer(now)
	boot := l.m.clock.Now()
	l.tickProbes(boot)
	if !now.Before(l.nextCollect) {
		l.nextCollect = now.Add(l.interval)
		l.collect(context.Background(), now)
	}
	l.batcher.FlushIfDue(boot)
	every := countEvery
	if l.m.stir.quiet(now) && l.isCounted() {
		every = countAtRest
	}
	if now.Sub(l.counted) >= every {
		l.counted = now
		l.count()
	}
	if !now.Before(l.nextRenew) {
		l.nextRenew = now.Add(renewEvery)
		l.m.clock.renew()
	}
}

func (l *loop) collect(ctx context.Context, now time.Time) {
	for _, u := range l.units {
		c, ok := u.probe.(probe.Collector)
		if !ok {
			continue
		}
		if err := c.Collect(ctx, now); err != nil {
			l.m.log.Warn("Metrics cannot be collected", zap.String("probe", u.name), zap.Error(err))
		}
	}
}

// tellShedding tells the probes what to do without.
func (l *loop) tellShedding() {
	for _, u := range l.units {
		if s, ok := u.probe.(probe.Shedder); ok {
			if err := s.Shed(*l.shedding); err != nil {
				l.m.log.Warn("A probe cannot do with less", zap.String("probe", u.name), zap.Error(err))
			}
		}
	}
}

func (l *loop) count() {
	for _, u := range l.units {
		if meter, ok := u.probe.(probe.Meter); ok && l.m.governor != nil {
			l.m.noise.add(meter)
		}
		if a, ok := u.probe.(probe.Accountant); ok {
			c := a.Counts()
			u.counts.Store(&c)
		}
	}
}

// finish handles what is left and hands it on. The probes are detached.
func (l *loop) finish() {
	for l.end.Err() == nil && l.drain(time.Now()) > 0 {
	}
	for _, u := range l.units {
		if f, ok := u.probe.(probe.Flusher); ok {
			f.Flush()
		}
	}
	l.collect(l.end, time.Now())
	l.batcher.Flush()
	l.count()
}
