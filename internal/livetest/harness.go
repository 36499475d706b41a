// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package livetest

import (
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/ringbuf"
	"github.com/cilium/ebpf/rlimit"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// Load makes a probe and loads its first variant, with the maps that its
// dependencies share. It is closed when the test ends.
func Load(t testing.TB, f probe.Factory, set probe.Settings, config any, deps map[string]probe.Probe) probe.Probe {
	t.Helper()
	return LoadVariant(t, f, 0, set, config, deps)
}

// LoadVariant does the same with the variant of that index.
func LoadVariant(t testing.TB, f probe.Factory, variant int, set probe.Settings, config any, deps map[string]probe.Probe) probe.Probe {
	t.Helper()
	// Before v5.11 the kernel takes maps as locked memory.
	require.NoError(t, rlimit.RemoveMemlock())
	p, err := f.New(set, config)
	require.NoError(t, err)
	l := &probe.Loading{Dependencies: deps, Options: ebpf.CollectionOptions{MapReplacements: map[string]*ebpf.Map{}}}
	if len(f.Manifest.Variants) > 0 {
		l.Variant = f.Manifest.Variants[variant]
		l.Spec, err = l.Variant.Reduced()
		require.NoError(t, err)
	}
	for _, dep := range deps {
		sharer, ok := dep.(probe.MapSharer)
		if !ok || l.Spec == nil {
			continue
		}
		for name, m := range sharer.SharedMaps() {
			if spec := l.Spec.Maps[name]; spec != nil {
				spec.MaxEntries = m.MaxEntries()
				l.Options.MapReplacements[name] = m
			}
		}
	}
	require.NoError(t, p.Load(t.Context(), l))
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

// Attach attaches a probe to the host until the test ends.
func Attach(t testing.TB, p probe.Probe) {
	t.Helper()
	closer, err := p.Attach(t.Context(), probe.Target{Scope: probe.Host})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, closer.Close()) })
}

// Pump serves the rings of a probe on a goroutine of their own, and runs
// after between two records. What it gives back stops it when all that was
// pending has been handled; it may be called again.
func Pump(t testing.TB, p probe.Probe, after func()) (stop func()) {
	t.Helper()
	var (
		wg      sync.WaitGroup
		done    = make(chan struct{})
		readers []*ringbuf.Reader
		mu      sync.Mutex
	)
	for _, ring := range p.(probe.RingReader).Rings() {
		r, err := ringbuf.NewReader(ring.Map)
		require.NoError(t, err)
		readers = append(readers, r)
		wg.Go(func() {
			for {
				r.SetDeadline(time.Now().Add(20 * time.Millisecond))
				rec, err := r.Read()
				mu.Lock()
				if err == nil {
					ring.Handle(rec.RawSample)
				}
				if after != nil {
					after()
				}
				mu.Unlock()
				if errors.Is(err, os.ErrDeadlineExceeded) {
					select {
					case <-done:
						return
					default:
					}
				}
			}
		})
	}
	stop = sync.OnceFunc(func() {
		close(done)
		wg.Wait()
		for _, r := range readers {
			require.NoError(t, r.Close())
		}
	})
	t.Cleanup(stop)
	return stop
}

// Pumped are a Daemon and probes that join it, served by one goroutine.
type Pumped struct {
	mu   sync.Mutex
	stop func()
}

// Stop ends the goroutine when all that was pending has been handled, and flushes.
func (p *Pumped) Stop() { p.stop() }

// Collect collects a probe's metrics, as on that goroutine.
func (p *Pumped) Collect(t testing.TB, of probe.Probe) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	require.NoError(t, of.(probe.Collector).Collect(t.Context(), time.Now()))
}

// PumpJoined serves the rings of a Daemon and of probes that join it on one goroutine, in
// turn, with their Ticks, as the manager does, until the test ends.
func PumpJoined(t testing.TB, daemon probe.Probe, joined ...probe.Probe) *Pumped {
	t.Helper()
	pumped := &Pumped{}
	type served struct {
		reader *ringbuf.Reader
		handle func([]byte)
	}
	var rings []served
	all := append([]probe.Probe{daemon}, joined...)
	for _, p := range all {
		r, ok := p.(probe.RingReader)
		if !ok {
			continue
		}
		for _, ring := range r.Rings() {
			reader, err := ringbuf.NewReader(ring.Map)
			require.NoError(t, err)
			rings = append(rings, served{reader, ring.Handle})
		}
	}
	round := func() (handled int) {
		deadline := time.Now().Add(20 * time.Millisecond)
		for _, r := range rings {
			r.reader.SetDeadline(deadline)
			for range 4096 { // then the others have their turn
				rec, err := r.reader.Read()
				if err != nil {
					break
				}
				handled++
				pumped.mu.Lock()
				r.handle(rec.RawSample)
				pumped.mu.Unlock()
			}
			deadline = time.Now()
		}
		pumped.mu.Lock()
		defer pumped.mu.Unlock()
		for _, p := range all {
			if ticker, ok := p.(probe.Ticker); ok {
				ticker.Tick(Clock{}.Now())
			}
		}
		return handled
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				// On a busy machine there is always more.
				for range 10 {
					if round() == 0 {
						break
					}
				}
				return
			default:
				round()
			}
		}
	}()
	pumped.stop = sync.OnceFunc(func() {
		close(done)
		<-ended
		for _, p := range all {
			if f, ok := p.(probe.Flusher); ok {
				f.Flush()
			}
		}
		for _, r := range rings {
			require.NoError(t, r.reader.Close())
		}
	})
	t.Cleanup(pumped.stop)
	return pumped
}
