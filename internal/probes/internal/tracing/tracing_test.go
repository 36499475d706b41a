// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package tracing

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSampler(t *testing.T) {
	id := func(r string) (t [16]byte) {
		b, _ := hex.DecodeString("ffffffffffffffffff" + r)
		copy(t[:], b)
		return t
	}
	for _, c := range []struct {
		ratio   float64
		r       string // the randomness: the trace ID's last 14 digits
		state   string
		sampled bool
		want    string
	}{
		{1, "00000000000000", "", true, "ot=th:0"},
		{0.5, "80000000000000", "", true, "ot=th:8"},
		{0.5, "7fffffffffffff", "", false, ""},
		{0.25, "c0000000000000", "", true, "ot=th:c"},
		{0.01, "fd70a000000000", "", true, "ot=th:fd70a"},
		{0.01, "fd709fffffffff", "", false, ""},
		{0, "ffffffffffffff", "", false, ""},
		{0.5, "00000000000000", "a=1,ot=rv:80000000000000;x:y", true, "ot=th:8;rv:80000000000000;x:y,a=1"},
		{0.5, "ffffffffffffff", "ot=rv:00000000000001", false, "ot=rv:00000000000001"},
		{0.5, "ffffffffffffff", "ot=th:1,b=2", true, "ot=th:8,b=2"},
	} {
		s := newSampler(SamplingConfig{Ratio: c.ratio})
		trace := id(c.r)
		sampled, state := s.root(&trace, c.state)
		assert.Equal(t, c.sampled, sampled, "%v %v", c.ratio, c.r)
		assert.Equal(t, c.want, state)
	}
}

func TestIDs(t *testing.T) {
	a, b := NewIDs(), NewIDs()
	seen := map[[16]byte]bool{}
	for range 1000 {
		for _, g := range []IDs{a, b} {
			trace := g.Trace()
			assert.False(t, seen[trace])
			seen[trace] = true
			assert.NotZero(t, g.Span())
		}
	}
}
