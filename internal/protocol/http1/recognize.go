// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http1

import "bytes"

// maxMethod bounds unknown methods; the longest registered one has 16 characters.
const maxMethod = 24

// minStatusLine is "HTTP/1.1 200", after which the status is known (RFC 9112 section 4).
const minStatusLine = 12

// Recognize tells from the first bytes of a direction whether a message starts there, and
// which. A request must have a registered method (IANA, plus PURGE and its like) and a
// target that starts like one, or else be a whole, valid line; the version of a whole line
// must be 1.x.
func Recognize(b []byte) (Direction, Verdict) {
	b = trimBlank(b)
	if len(b) == 0 {
		return Request, NeedMore
	}
	if v := statusVerdict(b); v != No && len(b) > 1 { // one "H" may yet become HEAD
		return Response, v
	}
	return Request, requestVerdict(b, true)
}

// trimBlank removes the empty lines that may stand before a message (RFC 9112 section 2.2).
func trimBlank(b []byte) []byte {
	for len(b) > 0 && (b[0] == '\r' || b[0] == '\n') {
		b = b[1:]
	}
	return b
}

func statusVerdict(b []byte) Verdict {
	const p = "HTTP/1."
	n := min(len(b), len(p))
	if string(b[:n]) != p[:n] {
		return No
	}
	for i := n; i < len(b) && i <= minStatusLine; i++ {
		c := b[i]
		switch i {
		case 8:
			if c != ' ' {
				return No
			}
		case 9:
			if c < '1' || c > '9' {
				return No
			}
		case minStatusLine:
			if c != ' ' && c != '\r' && c != '\n' {
				return No
			}
		default:
			if c < '0' || c > '9' {
				return No
			}
		}
	}
	if len(b) < minStatusLine {
		return NeedMore
	}
	return Yes
}

// requestVerdict judges the first bytes of a request. With strict, only known methods
// count until the whole line is seen.
func requestVerdict(b []byte, strict bool) Verdict {
	sp := 0
	for sp < len(b) && isTokenChar[b[sp]] {
		sp++
		if sp > maxMethod {
			return No
		}
	}
	if sp == len(b) {
		if strict && !methodPrefix(b) {
			return No
		}
		return NeedMore
	}
	if sp == 0 || b[sp] != ' ' {
		return No
	}
	known := knownMethod(b[:sp])
	if line, _, whole := bytes.Cut(b, []byte{'\n'}); whole {
		if _, ok := parseRequestLine(trimCR(line)); !ok {
			return No
		}
		return Yes
	}
	rest := b[sp+1:]
	if len(rest) == 0 {
		if strict && !known {
			return No
		}
		return NeedMore
	}
	if !plausibleTarget(rest[0]) || !known && strict {
		return No
	}
	if !known {
		return NeedMore
	}
	return Yes
}

// plausibleTarget: origin-form, asterisk-form, or the first letter of a scheme or host.
func plausibleTarget(c byte) bool {
	return c == '/' || c == '*' || c == '[' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

func trimCR(b []byte) []byte {
	if n := len(b); n > 0 && b[n-1] == '\r' {
		return b[:n-1]
	}
	return b
}

// isTokenChar is tchar of RFC 9110 section 5.6.2.
var isTokenChar = func() (t [256]bool) {
	for c := '0'; c <= '9'; c++ {
		t[c] = true
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c], t[c-32] = true, true
	}
	for _, c := range []byte("!#$%&'*+-.^_`|~") {
		t[c] = true
	}
	return t
}()

// knownMethods is the IANA HTTP Method Registry (without PRI, the HTTP/2 preface) and the
// methods of caches and gateways in wide use, most frequent first.
var knownMethods = [...]string{
	"GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE", "QUERY",
	"PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "REPORT", "SEARCH",
	"ACL", "BASELINE-CONTROL", "BIND", "CHECKIN", "CHECKOUT", "LABEL", "LINK", "MERGE",
	"MKACTIVITY", "MKCALENDAR", "MKREDIRECTREF", "MKWORKSPACE", "ORDERPATCH", "REBIND",
	"UNBIND", "UNCHECKOUT", "UNLINK", "UPDATE", "UPDATEREDIRECTREF", "VERSION-CONTROL",
	"PURGE", "BAN", "REFRESH", "SUBSCRIBE", "UNSUBSCRIBE", "NOTIFY", "M-SEARCH",
}

func knownMethod(b []byte) bool {
	for i := range knownMethods {
		if string(b) == knownMethods[i] {
			return true
		}
	}
	return false
}

func methodPrefix(b []byte) bool {
	for i := range knownMethods {
		if m := knownMethods[i]; len(b) <= len(m) && string(b) == m[:len(b)] {
			return true
		}
	}
	return false
}
