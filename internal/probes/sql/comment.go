// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package sql

import (
	"bytes"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/tracing"
)

// splitComment cuts the comment off in which sqlcommenter put the trace context,
// at the end or the beginning of the text, and reads it. That comment is another
// one for each execution of a text. Comments elsewhere may be parts of literals.
func splitComment(text []byte) ([]byte, tracing.Remote) {
	var none tracing.Remote
	end := bytes.TrimRight(text, " \t\r\n;\x00")
	if bytes.HasSuffix(end, []byte("*/")) {
		if at := bytes.LastIndex(end, []byte("/*")); at >= 0 && at+4 <= len(end) {
			if r, ok := commented(end[at+2 : len(end)-2]); ok {
				return bytes.TrimRight(end[:at], " \t\r\n"), r
			}
		}
	}
	begin := bytes.TrimLeft(text, " \t\r\n")
	if bytes.HasPrefix(begin, []byte("/*")) {
		if at := bytes.Index(begin, []byte("*/")); at >= 2 {
			if r, ok := commented(begin[2:at]); ok {
				return bytes.TrimLeft(begin[at+2:], " \t\r\n"), r
			}
		}
	}
	return text, none
}

// commented reads key='value' pairs. No character of a traceparent needs escaping.
func commented(b []byte) (r tracing.Remote, ok bool) {
	_, rest, found := bytes.Cut(b, []byte("traceparent='"))
	if !found {
		return r, false
	}
	value, _, found := bytes.Cut(rest, []byte{'\''})
	return r, found && r.Traceparent(value)
}
