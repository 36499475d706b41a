// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http1

import "bytes"

// UnknownMinor is Exchange.RequestMinor when the version was not seen.
const UnknownMinor = 0xff

type requestLine struct {
	method, target []byte
	minor          uint8
	truncated      bool
}

// parseRequestLine reads "METHOD SP target SP HTTP/1.x" (RFC 9112 section 3). Spaces inside
// the target, which some clients send, are kept.
func parseRequestLine(b []byte) (l requestLine, ok bool) {
	const v = " HTTP/1."
	n := len(b) - len(v) - 1
	if n < 0 || string(b[n:n+len(v)]) != v || b[len(b)-1] < '0' || b[len(b)-1] > '9' {
		return l, false
	}
	l.minor = b[len(b)-1] - '0'
	sp := bytes.IndexByte(b, ' ')
	if sp <= 0 || sp > maxMethod || sp+1 >= n {
		return l, false
	}
	l.method, l.target = b[:sp], b[sp+1:n]
	if !knownMethod(l.method) {
		for _, c := range l.method {
			if !isTokenChar[c] {
				return l, false
			}
		}
	}
	return l, plausibleTarget(l.target[0])
}

// parseCutRequestLine reads what a hole left of a request line.
func parseCutRequestLine(b []byte) (l requestLine, ok bool) {
	if full, ok := parseRequestLine(trimCR(b)); ok {
		return full, true
	}
	sp := bytes.IndexByte(b, ' ')
	if sp <= 0 || sp+1 >= len(b) || !knownMethod(b[:sp]) || !plausibleTarget(b[sp+1]) {
		return l, false
	}
	l = requestLine{method: b[:sp], target: b[sp+1:], minor: UnknownMinor, truncated: true}
	if i := bytes.LastIndexByte(l.target, ' '); i > 0 && len(l.target)-i <= len(" HTTP/1.") &&
		string(l.target[i:]) == " HTTP/1."[:len(l.target)-i] {
		l.target, l.truncated = l.target[:i], false
	}
	return l, true
}

// framing is what a header section says about its message's body and connection.
type framing struct {
	length         int64 // Content-Length, -1 when absent
	badLength      bool
	te, chunked    bool // Transfer-Encoding present; its final coding is chunked
	closes, keeps  bool // Connection: close, keep-alive
	expectContinue bool
}

// parseFields reads field lines up to the empty line (RFC 9112 section 5). It returns the
// bytes read and whether the empty line was among them; with cut, a line that ends b counts
// as whole. Values worth keeping are copied into pd.
func (c *Config) parseFields(b []byte, d Direction, pd *pending, f *framing, cut bool) (n int, done bool) {
	for i := 0; ; {
		lf := bytes.IndexByte(b[i:], '\n')
		if lf < 0 {
			return i, false
		}
		line, next := trimCR(b[i:i+lf]), i+lf+1
		if len(line) == 0 {
			return next, true
		}
		if next == len(b) && !cut {
			return i, false // the next byte says whether the line is folded
		}
		if next < len(b) && (b[next] == ' ' || b[next] == '\t') {
			if line, next = c.unfold(b, i, next); line == nil {
				return i, false
			}
		}
		i = next
		if !c.initial[d][line[0]] {
			continue
		}
		if colon := bytes.IndexByte(line, ':'); colon > 0 {
			c.field(d, trimRight(line[:colon]), line[colon+1:], pd, f)
		}
	}
}

// unfold joins a folded line with spaces (obs-fold, RFC 9112 section 5.2).
func (c *Config) unfold(b []byte, i, next int) ([]byte, int) {
	c.fold = append(c.fold[:0], trimCR(b[i:next-1])...)
	for next < len(b) && (b[next] == ' ' || b[next] == '\t') {
		lf := bytes.IndexByte(b[next:], '\n')
		if lf < 0 {
			return nil, i
		}
		c.fold = append(append(c.fold, ' '), trim(trimCR(b[next:next+lf]))...)
		next += lf + 1
	}
	return c.fold, next
}

func (c *Config) field(d Direction, name, value []byte, pd *pending, f *framing) {
	t := &c.capture[d]
	for _, w := range t[min(len(name), len(t)-1)] {
		if equalFold(name, w.name) {
			pd.capture(c, d, w.index, trim(value))
		}
	}
	switch len(name) {
	case 10:
		if equalFold(name, "connection") {
			connection(trim(value), f)
			return
		}
	case 12:
		if equalFold(name, "content-type") {
			if d == Request {
				pd.setOnce(valRequestContentType, trim(value))
			} else {
				pd.setOnce(valResponseContentType, trim(value))
			}
			return
		}
	case 14:
		if equalFold(name, "content-length") {
			contentLength(trim(value), f)
			return
		}
	case 17:
		if equalFold(name, "transfer-encoding") {
			transferEncoding(trim(value), f)
			return
		}
	}
	if d == Request {
		requestField(name, value, pd, f)
	}
}

func requestField(name, value []byte, pd *pending, f *framing) {
	switch len(name) {
	case 2:
		if equalFold(name, "b3") {
			pd.setOnce(valB3, trim(value))
		}
	case 4:
		if equalFold(name, "host") {
			pd.setOnce(valHost, trim(value))
		}
	case 6:
		if equalFold(name, "expect") && equalFold(trim(value), "100-continue") {
			f.expectContinue = true
		}
	case 10:
		switch {
		case equalFold(name, "user-agent"):
			pd.setOnce(valUserAgent, trim(value))
		case equalFold(name, "tracestate"):
			pd.join(valTracestate, trim(value))
		case equalFold(name, "x-b3-flags"):
			pd.setOnce(valB3Flags, trim(value))
		}
	case 11:
		switch {
		case equalFold(name, "traceparent"):
			pd.setSame(valTraceparent, trim(value))
		case equalFold(name, "x-b3-spanid"):
			pd.setOnce(valB3SpanID, trim(value))
		}
	case 12:
		switch {
		case equalFold(name, "x-b3-traceid"):
			pd.setOnce(valB3TraceID, trim(value))
		case equalFold(name, "x-b3-sampled"):
			pd.setOnce(valB3Sampled, trim(value))
		}
	case 17:
		if equalFold(name, "x-b3-parentspanid") {
			pd.setOnce(valB3ParentSpanID, trim(value))
		}
	}
}

func connection(v []byte, f *framing) {
	if equalFold(v, "keep-alive") {
		f.keeps = true
		return
	}
	for item := range bytes.SplitSeq(v, []byte{','}) {
		switch item = trim(item); {
		case equalFold(item, "close"):
			f.closes = true
		case equalFold(item, "keep-alive"):
			f.keeps = true
		}
	}
}

// contentLength takes equal repetitions as one (RFC 9110 section 8.6); anything else that
// is not one number is faulty framing (RFC 9112 section 6.3).
func contentLength(v []byte, f *framing) {
	for {
		item, rest, more := bytes.Cut(v, []byte{','})
		n, ok := decimal(trim(item))
		if !ok || f.length >= 0 && f.length != n {
			f.badLength = true
			return
		}
		f.length = n
		if !more {
			return
		}
		v = rest
	}
}

// maxLength bounds a body and the sum of its chunks, far from overflow.
const maxLength = 1 << 60

func decimal(b []byte) (n int64, ok bool) {
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		if n = n*10 + int64(c-'0'); n > maxLength {
			return 0, false
		}
	}
	return n, len(b) > 0
}

// transferEncoding notes the final coding of all lines. The withdrawn "identity" (RFC 2616
// section 3.6) alone means no coding.
func transferEncoding(v []byte, f *framing) {
	last := v
	if i := bytes.LastIndexByte(v, ','); i >= 0 {
		last = trim(v[i+1:])
	} else if equalFold(v, "identity") && !f.te {
		return
	}
	f.te, f.chunked = true, equalFold(last, "chunked")
}

// equalFold compares ASCII without case; s is lower case.
func equalFold(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i, c := range b {
		if c-'A' < 26 {
			c += 'a' - 'A'
		}
		if c != s[i] {
			return false
		}
	}
	return true
}

func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	return trimRight(b)
}

func trimRight(b []byte) []byte {
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}
