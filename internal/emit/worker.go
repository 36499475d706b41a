// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package emit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.uber.org/zap"
)

// format is the name of our data in the receiver's own telemetry.
const format = "ebpf"

// outlet is how one signal is given to its pipeline.
type outlet[D any] struct {
	signal  string
	consume func(context.Context, D) error
	// rest is the part that was not delivered, where the error tells it.
	rest  func(error) (D, bool)
	count func(D, func(scope string, n int))
	// retain keeps pooled pdata alive over several attempts, until release.
	retain, release func(D)
	startOp         func(context.Context) context.Context
	endOp           func(ctx context.Context, format string, n int, err error)
}

// worker sends the batches of one signal.
type worker[D any] struct {
	outlet[D]
	s     *Sender
	log   *zap.Logger
	queue chan *batch[D]
	// current is the batch that the goroutine works on. Who takes it out settles it.
	current atomic.Pointer[batch[D]]

	// gate lets close wait until nobody puts batches into the queue.
	gate   sync.RWMutex
	closed bool

	// Only for the goroutine: refusals since the last log line.
	unlogged uint64
	logged   time.Time
}

func newWorker[D any](s *Sender, o outlet[D], log *zap.Logger, queue int) *worker[D] {
	return &worker[D]{outlet: o, s: s, log: log, queue: make(chan *batch[D], queue)}
}

// enqueue hands a batch over. It blocks while the queue is full.
func (w *worker[D]) enqueue(b *batch[D]) {
	w.gate.RLock()
	defer w.gate.RUnlock()
	if !w.closed {
		select {
		case w.queue <- b:
			return
		case <-w.s.ctx.Done():
		}
	}
	refuse(b)
}

func (w *worker[D]) run() {
	for {
		select {
		case b := <-w.queue:
			w.deliver(b)
			continue
		case <-w.s.finish:
		}
		select {
		case b := <-w.queue:
			w.deliver(b)
		default:
			return
		}
	}
}

// close refuses what is left and returns the number of items.
func (w *worker[D]) close() uint64 {
	w.gate.Lock()
	w.closed = true
	w.gate.Unlock()
	var n uint64
	if b := w.current.Swap(nil); b != nil {
		n += refuse(b)
	}
	for {
		select {
		case b := <-w.queue:
			n += refuse(b)
		default:
			return n
		}
	}
}

// deliver sends a batch, again and again if need be.
func (w *worker[D]) deliver(b *batch[D]) {
	n := int(b.items())
	w.current.Store(b)
	if w.s.ctx.Err() != nil {
		w.settle(b, w.s.ctx.Err())
		return
	}
	pauses := newBackoff(&w.s.retry)
	data := b.data
	w.retain(data)
	defer func() { w.release(data) }()
	op := w.startOp(w.s.ctx)
	for {
		err := w.attempt(op, data)
		if err == nil {
			w.endOp(op, format, n, nil)
			w.settle(b, nil)
			return
		}
		if !consumererror.IsPermanent(err) {
			if rest, ok := w.rest(err); ok {
				w.retain(rest)
				w.release(data)
				data = rest
				if b = w.split(b, rest); b == nil {
					w.endOp(op, format, n, err)
					return
				}
				left := int(b.items())
				w.endOp(op, format, n-left, nil)
				n = left
				op = w.startOp(w.s.ctx)
			}
			if w.wait(&pauses) {
				continue
			}
		}
		w.endOp(op, format, n, err)
		w.settle(b, err)
		w.report(uint64(n), err)
		return
	}
}

// attempt hands the data to the pipeline. One that panics has refused it for good: that costs
// the data, not the whole collector, and what it left undone is in the log.
func (w *worker[D]) attempt(ctx context.Context, data D) (err error) {
	defer func() {
		if r := recover(); r != nil {
			w.log.Error("The pipeline panicked", zap.String("signal", w.signal), zap.Any("panic", r), zap.StackSkip("stack", 1))
			err = consumererror.NewPermanent(fmt.Errorf("the pipeline panicked: %v", r))
		}
	}()
	return w.consume(ctx, data)
}

// wait waits for the next attempt. False means that there is none.
func (w *worker[D]) wait(pauses *backoff) bool {
	select {
	case <-w.s.closing:
		return false
	default:
	}
	d, ok := pauses.pause()
	if !ok {
		return false
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-w.s.closing:
		// One last attempt: the pipeline may have recovered meanwhile.
		return w.s.ctx.Err() == nil
	}
}

// split counts as delivered what is in b and not in the rest, and makes the
// rest the current batch. It returns nil when close has settled b.
func (w *worker[D]) split(b *batch[D], rest D) *batch[D] {
	out := &batch[D]{data: rest, shares: append([]share(nil), b.shares...)}
	for i := range out.shares {
		out.shares[i].n = 0
	}
	w.count(rest, func(scope string, n int) {
		for i := range out.shares {
			if out.shares[i].scope == scope {
				out.shares[i].n = min(out.shares[i].n+uint64(n), b.shares[i].n)
			}
		}
	})
	if !w.current.CompareAndSwap(b, out) {
		return nil
	}
	for i := range out.shares {
		out.shares[i].tally.delivered.Add(b.shares[i].n - out.shares[i].n)
	}
	return out
}

// settle counts the batch as delivered or refused, unless close did.
func (w *worker[D]) settle(b *batch[D], err error) {
	if !w.current.CompareAndSwap(b, nil) {
		return
	}
	if err != nil {
		refuse(b)
		return
	}
	for i := range b.shares {
		b.shares[i].tally.delivered.Add(b.shares[i].n)
	}
}

func refuse[D any](b *batch[D]) uint64 {
	for i := range b.shares {
		b.shares[i].tally.refused.Add(b.shares[i].n)
	}
	return b.items()
}

// report logs refusals, at most once a minute.
func (w *worker[D]) report(n uint64, err error) {
	w.unlogged += n
	if now := time.Now(); w.logged.IsZero() || now.Sub(w.logged) >= time.Minute {
		w.log.Warn("The pipeline refused data, which is dropped",
			zap.String("signal", w.signal), zap.Uint64("items", w.unlogged), zap.Error(err))
		w.logged, w.unlogged = now, 0
	}
}

// restOf finds in err the data that was not delivered.
func restOf[D any, E interface {
	error
	Data() D
}](err error) (D, bool) {
	if e, ok := errors.AsType[E](err); ok {
		return e.Data(), true
	}
	var none D
	return none, false
}
