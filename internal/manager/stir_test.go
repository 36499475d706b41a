// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/ebpfreceiver/ebpfreceiver/internal/emit"
)

func TestStir(t *testing.T) {
	var s stir
	now := time.Now()
	assert.True(t, s.quiet(now))
	assert.True(t, s.happened(now), "it wakes the others")
	assert.False(t, s.happened(now.Add(quiet/2)), "they are awake")
	assert.False(t, s.quiet(now.Add(quiet)))
	assert.True(t, s.quiet(now.Add(2*quiet)))
	assert.True(t, s.before(now.Add(quiet)))
	assert.False(t, s.before(now.Add(quiet/2)), "something happened just then")
}

// Loops without rings end their rest, whenever they are roused.
func TestRouse(t *testing.T) {
	m := &Manager{}
	by := &loop{m: m, rouse: make(chan struct{}, 1), stop: make(chan struct{})}
	resting := &loop{m: m, rouse: make(chan struct{}, 1), stop: make(chan struct{})}
	m.loops = []*loop{by, resting}
	m.rouse(by)
	m.rouse(by) // it need not have heard of the first
	began := time.Now()
	resting.drain(began.Add(10 * time.Second))
	assert.Less(t, time.Since(began), 5*time.Second)
	assert.Empty(t, by.rouse)
}

// At rest only the first loop wakes often, for the others too.
func TestPatience(t *testing.T) {
	m := &Manager{}
	m.loops = []*loop{{m: m, batcher: &emit.Batcher{}}, {m: m, batcher: &emit.Batcher{}}}
	now := time.Now()
	assert.Equal(t, rest, m.loops[0].patience(now))
	assert.Equal(t, sleep, m.loops[1].patience(now))
	m.stir.happened(now)
	for _, l := range m.loops {
		assert.Equal(t, pause, l.patience(now))
	}
}

// Who asks for a tick has it soon, and however many ask, ticks are apart.
func TestTickIn(t *testing.T) {
	m := &Manager{began: time.Now()}
	l := &loop{m: m, rouse: make(chan struct{}, 1), stop: make(chan struct{})}
	m.loops = []*loop{{m: m}, l}
	far := time.Now().Add(time.Hour)
	turn := func() time.Time {
		l.drain(l.asked.due(time.Now(), far))
		now := time.Now()
		l.asked.answer(now)
		return now
	}
	began := time.Now()
	l.tickIn(20 * time.Millisecond)
	l.tickIn(time.Minute) // the sooner one counts
	turn()                // woken, to find out when the turn is due
	assert.GreaterOrEqual(t, turn().Sub(began), 20*time.Millisecond)

	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				l.tickIn(0)
				time.Sleep(50 * time.Microsecond)
			}
		}
	}()
	began = time.Now()
	for range 20 {
		turn()
	}
	assert.GreaterOrEqual(t, time.Since(began), 8*apart, "half of them wait")
	close(stop)
	<-done
	l.tickIn(0)
	turn()
	assert.Less(t, time.Since(began), time.Minute)
}
