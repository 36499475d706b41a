// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http2

import "bytes"

// messages counts the length-prefixed messages of a gRPC body (a flag byte and four bytes
// of length before each, "gRPC over HTTP2", section Requests).
type messages struct {
	count int64
	left  uint32 // bytes of the message at hand
	size  uint32 // as far as the prefix was read
	have  uint8  // bytes of the prefix read
	lost  bool   // a prefix was not seen, or bytes passed before this was known to be gRPC
}

const messagePrefix = 5

func (m *messages) pass(b []byte) {
	for len(b) > 0 && !m.lost {
		if m.left > 0 {
			n := min(uint64(m.left), uint64(len(b)))
			m.left -= uint32(n)
			b = b[n:]
			if m.left == 0 {
				m.count++
			}
			continue
		}
		if m.have == 0 && b[0] > 1 { // the flag is 0 or 1: this is not a prefix
			m.lost = true
			return
		}
		m.size = m.size<<8 | uint32(b[0])
		if m.have == 0 {
			m.size = 0
		}
		m.have++
		b = b[1:]
		if m.have == messagePrefix {
			m.have, m.left = 0, m.size
			if m.left == 0 {
				m.count++
			}
		}
	}
}

// hole passes n bytes that were not captured. It reports whether this took the framing.
func (m *messages) hole(n int64) bool {
	switch {
	case m.lost:
		return false
	case n > int64(m.left):
		m.lost = true
		return true
	}
	m.left -= uint32(n)
	if m.left == 0 {
		m.count++
	}
	return false
}

func (s *stream) messageCount(d Direction) int64 {
	m := &s.messages[d]
	if !s.grpc || m.lost || s.lost[d] {
		return -1
	}
	return m.count
}

// isGRPC knows application/grpc and its subtypes, not grpc-web.
func isGRPC(contentType []byte) bool {
	rest, ok := bytes.CutPrefix(contentType, []byte("application/grpc"))
	return ok && (len(rest) == 0 || rest[0] == '+' || rest[0] == ';' || rest[0] == ' ')
}

// splitPath splits "/" Service-Name "/" method name.
func splitPath(path []byte) (service, method []byte) {
	i := bytes.LastIndexByte(path, '/')
	if i < 2 || path[0] != '/' || i == len(path)-1 {
		return nil, nil
	}
	return path[1:i:i], path[i+1:]
}

// parseDecimal reads a number below limit.
func parseDecimal(b []byte, limit uint32) (uint32, bool) {
	if len(b) == 0 || len(b) > 9 {
		return 0, false
	}
	var v uint32
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + uint32(c-'0')
	}
	return v, v < limit
}
