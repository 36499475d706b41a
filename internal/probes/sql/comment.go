// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package sql

import (
	"bytes"
	"net/url"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/tracing"
)

// splitComment cuts the comment off in which sqlcommenter put the trace context,
// at the end or the beginning of the text, and reads it. That comment is another
// one for each execution of a text. Comments elsewhere may be parts of literals.
// With nested, comments are as PostgreSQL's: one may hold others.
func splitComment(text []byte, nested bool) ([]byte, tracing.Remote) {
	var none tracing.Remote
	end := bytes.TrimRight(text, " \t\r\n;\x00")
	if bytes.HasSuffix(end, []byte("*/")) {
		if at := lastComment(end, nested); at >= 0 && at+4 <= len(end) {
			if r, ok := commented(end[at+2 : len(end)-2]); ok {
				return bytes.TrimRight(end[:at], " \t\r\n"), r
			}
		}
	}
	begin := bytes.TrimLeft(text, " \t\r\n")
	if bytes.HasPrefix(begin, []byte("/*")) {
		if at := firstComment(begin, nested); at >= 2 {
			if r, ok := commented(begin[2:at]); ok {
				return bytes.TrimLeft(begin[at+2:], " \t\r\n"), r
			}
		}
	}
	return text, none
}

// lastComment is where the comment begins that ends a text; -1 when there is none.
func lastComment(b []byte, nested bool) int {
	if !nested {
		return bytes.LastIndex(b, []byte("/*"))
	}
	depth := 0
	for i := len(b) - 2; i >= 0; i-- {
		switch {
		case b[i] == '*' && b[i+1] == '/':
			depth++
			i--
		case b[i] == '/' && b[i+1] == '*':
			if depth--; depth == 0 {
				return i
			}
			i--
		}
	}
	return -1
}

// firstComment is where the comment ends that begins a text; -1 when it does not.
func firstComment(b []byte, nested bool) int {
	if !nested {
		return bytes.Index(b, []byte("*/"))
	}
	depth := 0
	for i := 0; i+1 < len(b); i++ {
		switch {
		case b[i] == '/' && b[i+1] == '*':
			depth++
			i++
		case b[i] == '*' && b[i+1] == '/':
			if depth--; depth == 0 {
				return i
			}
			i++
		}
	}
	return -1
}

// commented reads key='value' pairs. No character of a traceparent needs escaping. The state
// is a copy: the operation may be held.
func commented(b []byte) (r tracing.Remote, ok bool) {
	value := valueOf(b, "traceparent='")
	if value == nil || !r.Traceparent(value) {
		return r, false
	}
	if state := unescape(valueOf(b, "tracestate='")); tracing.ValidTracestate(state) {
		r.State = state
	}
	return r, true
}

func valueOf(b []byte, key string) []byte {
	_, rest, found := bytes.Cut(b, []byte(key))
	value, _, ends := bytes.Cut(rest, []byte{'\''})
	if !found || !ends {
		return nil
	}
	return value
}

// unescape undoes the percent-encoding of a value, in a copy; nil when it is not valid.
func unescape(b []byte) []byte {
	if b == nil {
		return nil
	}
	s, err := url.PathUnescape(string(b))
	if err != nil {
		return nil
	}
	return []byte(s)
}
