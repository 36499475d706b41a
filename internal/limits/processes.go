// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package limits

import (
	"sync"
	"time"
)

// Processes bounds the events per second of each process. It is safe for concurrent use.
type Processes[K comparable] struct {
	rate  float64
	start time.Time

	mu      sync.Mutex
	buckets map[K]*bucket
	swept   float64
}

// bucket holds what a process may use at once: at most as much as it may in a second.
type bucket struct{ left, at float64 }

// sweepEvery is how often full buckets are forgotten, in seconds.
const sweepEvery = 10

// NewProcesses makes one for that many events per second.
func NewProcesses[K comparable](rate float64, now time.Time) *Processes[K] {
	return &Processes[K]{rate: rate, start: now, buckets: map[K]*bucket{}}
}

// Admit tells whether another event of the process is within its rate, and takes it if so.
func (p *Processes[K]) Admit(k K, now time.Time) bool {
	t := now.Sub(p.start).Seconds() // monotonic
	full := max(p.rate, 1)
	p.mu.Lock()
	defer p.mu.Unlock()
	if t-p.swept >= sweepEvery {
		p.swept = t
		for k, b := range p.buckets {
			if b.left+(t-b.at)*p.rate >= full {
				delete(p.buckets, k)
			}
		}
	}
	b := p.buckets[k]
	if b == nil {
		b = &bucket{left: full, at: t}
		p.buckets[k] = b
	}
	b.left = min(full, b.left+(t-b.at)*p.rate)
	b.at = t
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}
