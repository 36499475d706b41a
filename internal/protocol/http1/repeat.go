// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http1

import (
	"bytes"
	"encoding/binary"
)

// Programs send the same header section again and again, and so need not be read but once.
const (
	maxRepeat = 1 << 10 // bytes of a section that is remembered
	repeats   = 128     // sections of each direction
)

// section is a header section that was read, and what it said.
type section struct {
	raw    []byte // up to the empty line, with it
	values []byte // what was kept
	at     []where
	f      framing
}

// where is the place of a value in section.values.
type where struct {
	value value
	span
}

// sections is a table without buckets: a collision replaces.
type sections [repeats]section

// slot is where a section that begins b would be. The segment's length tells most apart.
func (t *sections) slot(b []byte) *section {
	if len(b) < 24 {
		return nil
	}
	h := uint64(len(b))*0x9e3779b97f4a7c15 ^ binary.LittleEndian.Uint64(b[8:])*0xc2b2ae3d27d4eb4f ^
		binary.LittleEndian.Uint64(b[16:])*0x165667b19e3779f9
	return &t[h>>32%repeats]
}

// readFields is parseFields for a section that may have been read before.
func (c *Config) readFields(b []byte, d Direction, pd *pending, f *framing, cut bool) (n int, done bool) {
	s := c.read[d].slot(b)
	if s == nil || cut {
		return c.parseFields(b, d, pd, f, cut)
	}
	if len(s.raw) > 0 && bytes.HasPrefix(b, s.raw) {
		base := uint32(len(pd.buf))
		pd.buf = append(pd.buf, s.values...)
		for _, w := range s.at {
			pd.val[w.value] = span{base + w.off, w.len}
		}
		*f = s.f
		return len(s.raw), true
	}
	had, base := pd.val, len(pd.buf)
	n, done = c.parseFields(b, d, pd, f, cut)
	if done && n <= maxRepeat && len(pd.captured) == 0 {
		s.remember(b[:n], pd, &had, base, f)
	}
	return n, done
}

func (s *section) remember(raw []byte, pd *pending, had *[numValues]span, base int, f *framing) {
	s.raw = append(s.raw[:0], raw...)
	s.values = append(s.values[:0], pd.buf[base:]...)
	s.at, s.f = s.at[:0], *f
	for v, sp := range pd.val {
		if sp == had[v] {
			continue
		}
		if sp.off == invalidOff {
			s.raw = s.raw[:0]
			return
		}
		s.at = append(s.at, where{value(v), span{sp.off - uint32(base), sp.len}})
	}
}
