// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package nats

import "bytes"

// readHeaders reads a block of headers: "NATS/1.0[ status[ description]]" CRLF, fields as
// in HTTP/1.1, an empty line (ADR-4 of the NATS architecture). Of a block that was cut
// only whole lines count.
func (m *Message) readHeaders(b []byte) {
	line, rest, ok := cutLine(b)
	if !ok || !bytes.HasPrefix(line, []byte("NATS/1.0")) {
		return
	}
	if s := bytes.TrimLeft(line[len("NATS/1.0"):], " "); len(s) >= 3 && isDigit(s[0]) && isDigit(s[1]) && isDigit(s[2]) {
		m.Status = s[:3]
	}
	for {
		line, rest, ok = cutLine(rest)
		if !ok || len(line) == 0 {
			return
		}
		name, value, ok := bytes.Cut(line, []byte{':'})
		if !ok {
			continue
		}
		switch {
		case len(name) == len("traceparent") && equalFold(name, "TRACEPARENT"):
			m.Traceparent = bytes.TrimSpace(value)
		case len(name) == len("tracestate") && equalFold(name, "TRACESTATE"):
			m.Tracestate = bytes.TrimSpace(value)
		case len(name) == len("Nats-Msg-Id") && equalFold(name, "NATS-MSG-ID"):
			m.ID = bytes.TrimSpace(value)
		}
	}
}

func cutLine(b []byte) (line, rest []byte, ok bool) {
	i := bytes.IndexByte(b, '\n')
	if i < 1 || b[i-1] != '\r' {
		return nil, nil, false
	}
	return b[:i-1], b[i+1:], true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
