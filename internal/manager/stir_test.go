// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestStir(t *testing.T) {
	var s stir
	now := time.Now()
	assert.True(t, s.quiet(now))
	assert.True(t, s.happened(now), "it wakes the others")
	assert.False(t, s.happened(now.Add(quiet/2)), "they are awake")
	assert.False(t, s.quiet(now.Add(quiet)))
	assert.True(t, s.quiet(now.Add(2*quiet)))
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
