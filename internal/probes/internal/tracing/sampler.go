// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package tracing

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// maxThreshold is 2^56: the randomness of a trace has 56 bits.
const maxThreshold = 1 << 56

// SamplingConfig says which traces are kept. Metrics count all exchanges.
type SamplingConfig struct {
	// Ratio of the traces that begin here, 0 to 1.
	Ratio float64 `mapstructure:"ratio"`
	// ParentBased keeps what its parent's flag says. Without it the ratio
	// decides on the trace ID of all.
	ParentBased bool `mapstructure:"parent_based"`
}

// DefaultSamplingConfig keeps all that a parent does not forbid.
func DefaultSamplingConfig() SamplingConfig { return SamplingConfig{Ratio: 1, ParentBased: true} }

// Validate checks the ratio.
func (c *SamplingConfig) Validate() error {
	if !(c.Ratio >= 0 && c.Ratio <= 1) {
		return fmt.Errorf("ratio: %v is not between 0 and 1", c.Ratio)
	}
	return nil
}

// sampler decides by consistent probability: a trace is kept when its
// randomness is not below the rejection threshold (OpenTelemetry specification,
// "TraceState: Probability Sampling").
type sampler struct {
	parentBased bool
	never       bool
	threshold   uint64
	th          string // the threshold in a tracestate, as "th:c"
	state       string // a tracestate with nothing else
}

func newSampler(c SamplingConfig) sampler {
	s := sampler{parentBased: c.ParentBased}
	s.threshold = uint64(math.Round((1 - c.Ratio) * maxThreshold))
	// No ratio but 0 rejects all; a smaller one than 2^-56 does.
	s.never = s.threshold >= maxThreshold
	if s.never {
		return s
	}
	// Four digits are precise enough (same place), fewer when they are zero.
	if digits := 4 + leadingFs(s.threshold); digits < 14 {
		unit := uint64(1) << (4 * (14 - digits))
		if rounded := (s.threshold + unit/2) / unit * unit; rounded < maxThreshold {
			s.threshold = rounded
		}
	}
	th := strings.TrimRight(pad14(s.threshold), "0")
	if th == "" {
		th = "0"
	}
	s.th = "th:" + th
	s.state = "ot=" + s.th
	return s
}

// leadingFs counts the hexadecimal digits f that t begins with: the ratio is small there.
func leadingFs(t uint64) int {
	return len(pad14(t)) - len(strings.TrimLeft(pad14(t), "f"))
}

func pad14(t uint64) string {
	h := strconv.FormatUint(t, 16)
	return strings.Repeat("0", 14-len(h)) + h
}

// reject is the part of 2^32 that is not kept, 2^32 being all.
func (s *sampler) reject() uint64 {
	if s.never {
		return 1 << 32
	}
	return s.threshold >> 24
}

// keep changes the ID of a trace that was kept before it had one, as far as
// needed, to one that root keeps.
func (s *sampler) keep(trace *[16]byte) {
	if s.never {
		return
	}
	low := binary.BigEndian.Uint64(trace[8:])
	if r := low & (maxThreshold - 1); r < s.threshold {
		r = s.threshold + r%(maxThreshold-s.threshold)
		binary.BigEndian.PutUint64(trace[8:], low&^(maxThreshold-1)|r)
	}
}

// root decides on a trace that has no sampled flag yet. state is the tracestate
// that came with it; the result is the one to hand on.
func (s *sampler) root(trace *[16]byte, state string) (bool, string) {
	if s.never {
		return false, state
	}
	r := binary.BigEndian.Uint64(trace[8:]) & (maxThreshold - 1)
	if state != "" {
		if rv, ok := explicitRandomness(state); ok {
			r = rv
		}
	}
	if r < s.threshold {
		return false, state
	}
	if state == "" {
		return true, s.state
	}
	return true, withThreshold(state, s.th)
}

// explicitRandomness finds "rv" in the member "ot": 14 hexadecimal digits.
func explicitRandomness(state string) (uint64, bool) {
	ot, _ := otMember(state)
	for part := range strings.SplitSeq(ot, ";") {
		if v, ok := strings.CutPrefix(part, "rv:"); ok && len(v) == 14 {
			r, err := strconv.ParseUint(v, 16, 64)
			return r, err == nil
		}
	}
	return 0, false
}

// otMember returns the value of the member "ot" and the other members.
func otMember(state string) (ot string, others []string) {
	for member := range strings.SplitSeq(state, ",") {
		member = strings.TrimSpace(member)
		if v, ok := strings.CutPrefix(member, "ot="); ok {
			ot = v
		} else if member != "" {
			others = append(others, member)
		}
	}
	return ot, others
}

// withThreshold sets "th" in the member "ot", which becomes the first.
func withThreshold(state, th string) string {
	ot, others := otMember(state)
	parts := []string{th}
	for part := range strings.SplitSeq(ot, ";") {
		if part != "" && !strings.HasPrefix(part, "th:") {
			parts = append(parts, part)
		}
	}
	return strings.Join(append([]string{"ot=" + strings.Join(parts, ";")}, others...), ",")
}
