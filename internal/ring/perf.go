// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package ring

import (
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/perf"

	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// defaultPerCPU is the size of a perf buffer in bytes, enough for 256 records of 256 bytes.
const defaultPerCPU = 64 << 10

type perfSource struct {
	*perf.Reader
	rec  perf.Record
	lost func(uint64)
	cpus int
}

// newPerf opens the perf buffers of all CPUs. They wake the reader when one is half full:
// the deadlines of Drain see to the rest.
func newPerf(r probe.Ring) (*Reader, error) {
	size := r.PerCPU
	if size == 0 {
		size = defaultPerCPU
	}
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return nil, fmt.Errorf("perf buffer %s: %w", r.Map, err)
	}
	p, err := perf.NewReaderWithOptions(r.Map, size, perf.ReaderOptions{Watermark: size / 2})
	if err != nil {
		return nil, fmt.Errorf("perf buffer %s cannot be read: %w", r.Map, err)
	}
	return &Reader{source: &perfSource{Reader: p, lost: r.Lost, cpus: cpus}, handle: r.Handle}, nil
}

func (s *perfSource) next() ([]byte, error) {
	err := s.ReadInto(&s.rec)
	if err != nil {
		if perf.IsUnknownEvent(err) {
			return nil, nil
		}
		return nil, err
	}
	if s.rec.LostSamples > 0 {
		if s.lost != nil {
			s.lost(s.rec.LostSamples)
		}
		return nil, nil
	}
	return s.rec.RawSample, nil
}

func (s *perfSource) ready(deadline time.Time) (bool, error) {
	s.SetDeadline(deadline)
	return true, nil
}

func (s *perfSource) occupancy() (pending, size int) { return 0, s.BufferSize() * s.cpus }

// Close ends the reader, also when it was closed before.
func (s *perfSource) Close() error {
	if err := s.Reader.Close(); err != nil && !errors.Is(err, perf.ErrClosed) {
		return err
	}
	return nil
}
