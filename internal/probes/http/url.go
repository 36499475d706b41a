// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http

import "bytes"

// target is a request-target taken apart (RFC 9112 section 3.2). Its slices
// are parts of the request's. What was not captured wholly is nil.
type target struct {
	scheme    []byte // of the absolute form
	authority []byte // of the absolute and the authority form, without user information
	userinfo  bool   // there was user information
	path      []byte
	query     []byte // without the question mark; nil when there is none
}

func parseTarget(b []byte, truncated bool) (t target) {
	switch {
	case len(b) == 0:
		return t
	case b[0] == '/' || b[0] == '*':
	default:
		i := bytes.Index(b, []byte("://"))
		if i < 0 || !isScheme(b[:i]) {
			if !truncated {
				t.setAuthority(b)
			}
			return t
		}
		t.scheme = b[:i]
		b = b[i+3:]
		end := bytes.IndexAny(b, "/?#")
		if end < 0 {
			if !truncated {
				t.setAuthority(b)
				t.path = []byte("/")
			}
			return t
		}
		t.setAuthority(b[:end])
		b = b[end:]
		if b[0] != '/' {
			t.path = []byte("/")
		}
	}
	if i := bytes.IndexByte(b, '#'); i >= 0 {
		b, truncated = b[:i], false // not allowed there; some clients send it
	}
	path, query, found := bytes.Cut(b, []byte{'?'})
	if t.path == nil && (found || !truncated) {
		t.path = path
	}
	if found && !truncated && len(query) > 0 {
		t.query = query
	}
	return t
}

func (t *target) setAuthority(b []byte) {
	if i := bytes.LastIndexByte(b, '@'); i >= 0 {
		t.userinfo = true
		b = b[i+1:]
	}
	t.authority = b
}

// isScheme: RFC 3986 section 3.1.
func isScheme(b []byte) bool {
	for i, c := range b {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (i == 0 || !('0' <= c && c <= '9' || c == '+' || c == '-' || c == '.')) {
			return false
		}
	}
	return len(b) > 0
}

// splitAuthority takes host and port apart; port is 0 when there is none. host
// is nil when b is not valid. An IPv6 address is without its brackets.
func splitAuthority(b []byte) (host []byte, port uint16) {
	host = b
	rest := []byte(nil)
	if len(b) > 0 && b[0] == '[' {
		end := bytes.IndexByte(b, ']')
		if end < 0 {
			return nil, 0
		}
		host, rest = b[1:end], b[end+1:]
		if len(rest) > 0 && rest[0] != ':' {
			return nil, 0
		}
	} else if i := bytes.IndexByte(b, ':'); i >= 0 {
		host, rest = b[:i], b[i:]
	}
	if len(host) == 0 {
		return nil, 0
	}
	if len(rest) < 2 {
		return host, 0
	}
	n := 0
	for _, c := range rest[1:] {
		if c < '0' || c > '9' {
			return nil, 0
		}
		if n = n*10 + int(c-'0'); n > 0xffff {
			return nil, 0
		}
	}
	return host, uint16(n)
}

const redacted = "REDACTED"

// redactor appends query strings without secrets.
type redactor struct{ keys map[string]struct{} }

// newRedactor knows the keys that the conventions for url.query name, and more.
func newRedactor(more []string) redactor {
	r := redactor{keys: map[string]struct{}{}}
	for _, k := range []string{"AWSAccessKeyId", "Signature", "sig", "X-Goog-Signature"} {
		r.keys[k] = struct{}{}
	}
	for _, k := range more {
		r.keys[k] = struct{}{}
	}
	return r
}

// appendQuery appends q to dst, each secret's value replaced.
func (r redactor) appendQuery(dst, q []byte) []byte {
	for len(q) > 0 {
		pair, rest := q, []byte(nil)
		if i := bytes.IndexByte(q, '&'); i >= 0 {
			pair, rest = q[:i], q[i:]
		}
		key, _, found := bytes.Cut(pair, []byte{'='})
		if _, secret := r.keys[string(key)]; secret && found {
			dst = append(append(append(dst, key...), '='), redacted...)
		} else {
			dst = append(dst, pair...)
		}
		if len(rest) == 0 {
			break
		}
		dst = append(dst, '&')
		q = rest[1:]
	}
	return dst
}
