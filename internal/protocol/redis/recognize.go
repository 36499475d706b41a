// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"bytes"
	"strings"
)

// Recognize tells from the first bytes of a direction whether a message starts there, and
// which. An array of strings whose first is a command of Redis is a command, unless it is a
// confirmation of pub/sub; one whose first only might be a command needs more; else what
// looks like a reply is one. Inline commands are not
// recognised: "GET k", "PING" or "QUIT" begin messages of memcached, NATS and others too.
// Nor do simple strings and errors that other protocols might say ("+OK", "-ERR"): they
// need more.
func Recognize(b []byte) (Direction, Verdict) {
	if len(b) == 0 {
		return Request, NeedMore
	}
	switch b[0] {
	case '*':
		if v := arrayVerdict(b, true); v != No {
			if c := confirmVerdict(b); c != No {
				return Response, c
			}
			return Request, v
		}
		if v := replyVerdict(b); v != Yes || arrayVerdict(b, false) != Yes || !onlyStrings(b) {
			return Response, v
		}
		return Request, NeedMore // a command of a module, or a list of words
	case '+', '-':
		return Response, wordVerdict(b)
	}
	return Response, replyVerdict(b)
}

// onlyStrings reports that the elements of an array are bulk strings, as far as it is there.
func onlyStrings(b []byte) bool {
	n, rest, res := header(b)
	for range n.v {
		if res != readDone || len(rest) == 0 {
			return true
		}
		if rest[0] != '$' {
			return false
		}
		var l number
		l, rest, res = header(rest)
		if res != readDone || l.sign != 0 || uint64(len(rest)) < l.v+2 {
			return true
		}
		rest = rest[l.v+2:]
	}
	return true
}

// wordVerdict judges a simple string or an error by its first word.
func wordVerdict(b []byte) Verdict {
	v := lineVerdict(b[1:])
	end := bytes.IndexAny(b, " \r")
	if v == No || end < 0 {
		return v
	}
	w := string(b[1:end])
	for name := range strings.FieldsSeq(ownWords) {
		if w == name {
			return v
		}
	}
	for _, c := range b[1:end] {
		if b[0] == '-' && (c < 'A' || c > 'Z') {
			return No
		}
	}
	return NeedMore
}

// ownWords begin what only Redis says.
const ownWords = "PONG QUEUED RESET FULLRESYNC WRONGTYPE MOVED ASK NOAUTH NOPERM NOSCRIPT LOADING BUSY EXECABORT READONLY CLUSTERDOWN " +
	"CROSSSLOT TRYAGAIN OOM MISCONF MASTERDOWN NOREPLICAS BUSYGROUP NOGROUP UNKILLABLE BUSYKEY NOPROTO WRONGPASS DENIED"

// confirmVerdict judges an array, known to be a command or a confirmation, as the latter:
// three elements, "subscribe" or its like in lower case, a channel, and an integer.
func confirmVerdict(b []byte) Verdict {
	n, rest, _ := header(b)
	if n.v != 3 || len(rest) == 0 {
		return No
	}
	l, rest, res := header(rest)
	name := rest[:min(len(rest), int(l.v))]
	maybe := false
	for _, c := range confirmations {
		maybe = maybe || res == readDone && len(name) > 0 && len(c) >= len(name) && c[:len(name)] == string(name)
	}
	if !maybe {
		return No
	}
	if len(rest) < int(l.v)+2 {
		return NeedMore
	}
	if rest = rest[l.v+2:]; len(rest) == 0 {
		return NeedMore
	}
	if rest[0] == '_' {
		return Yes
	}
	l, rest, res = header(rest)
	switch {
	case res == readMore:
		return NeedMore
	case res == readBad:
		return No
	case l.sign == '-':
		return Yes // a null: nothing was subscribed
	case uint64(len(rest)) < l.v+3:
		return NeedMore
	case rest[l.v+2] == ':':
		return Yes
	}
	return No
}

// header reads "*3" CRLF and returns the bytes behind it.
func header(b []byte) (n number, rest []byte, res readResult) {
	rest, res = n.read(b[1:])
	return n, rest, res
}

// arrayVerdict judges a command sent as an array. With known, only commands of the table
// count, else all that may be a name.
func arrayVerdict(b []byte, known bool) Verdict {
	n, rest, res := header(b)
	if res == readMore && len(b) < 16 {
		return NeedMore
	}
	if res != readDone || n.sign != 0 || n.v == 0 || n.v > 1<<31-1 {
		return No
	}
	if len(rest) == 0 {
		return NeedMore
	}
	if rest[0] != '$' {
		return No
	}
	l, name, res := header(rest)
	if res == readMore && len(rest) < 8 {
		return NeedMore
	}
	if res != readDone || l.sign != 0 || l.v == 0 || l.v > maxWord {
		return No
	}
	var w word
	w.add(name[:min(len(name), int(l.v))])
	if !w.upper() && w.n > 0 {
		return No
	}
	if len(name) < int(l.v) {
		return NeedMore
	}
	if known && lookup(w.bytes()) == nil {
		return No
	}
	return ends(name[l.v:])
}

// ends judges the CRLF behind a string, and what follows an argument or a reply.
func ends(b []byte) Verdict {
	if len(b) > 0 && b[0] != '\r' || len(b) > 1 && b[1] != '\n' {
		return No
	}
	if len(b) < 2 {
		return NeedMore
	}
	return Yes
}

// commandVerdict judges where a command may begin: Yes, or NeedMore for all that is not
// known to be none.
func commandVerdict(b []byte) Verdict {
	if b[0] == '*' {
		return arrayVerdict(b, false)
	}
	line, _, whole := bytes.Cut(b, []byte{'\n'})
	name := line
	if i := bytes.IndexAny(line, " \r"); i >= 0 {
		name = line[:i]
	} else if !whole {
		var w word
		if w.add(name); w.upper() && commandPrefix(w.bytes()) {
			return NeedMore
		}
		return No
	}
	var w word
	w.add(name)
	if !w.upper() || lookup(w.bytes()) == nil {
		return No
	}
	for _, c := range line {
		if c < ' ' && c != '\r' && c != '\t' || c > '~' {
			return No
		}
	}
	return Yes
}

func commandPrefix(b []byte) bool {
	for name := range commands {
		if len(b) <= len(name) && string(b) == name[:len(b)] {
			return true
		}
	}
	return false
}

// replyVerdict judges where a reply may begin. Lengths must be followed by what they say as
// far as it is there.
func replyVerdict(b []byte) Verdict { return valueVerdict(b, 4) }

func valueVerdict(b []byte, depth int) Verdict {
	switch b[0] {
	case '+', '-':
		return lineVerdict(b[1:])
	case '#':
		if len(b) > 1 && b[1] != 't' && b[1] != 'f' {
			return No
		}
		if len(b) < 2 {
			return NeedMore
		}
		return ends(b[2:])
	case '_':
		return ends(b[1:])
	case '(', ',':
		return numberVerdict(b[1:])
	case ':', '$', '=', '!', '*', '~', '%', '>', '|':
	default:
		return No
	}
	n, rest, res := header(b)
	switch {
	case res == readMore && len(b) < 24:
		return NeedMore
	case res != readDone:
		return No
	case b[0] == ':':
		return Yes
	case n.sign == '+', n.sign == '-' && (n.v != 1 || b[0] != '$' && b[0] != '*'):
		return No
	case n.sign == '-':
		return Yes
	case b[0] == '$', b[0] == '=', b[0] == '!':
		switch {
		case n.v > maxString:
			return No
		case uint64(len(rest)) <= n.v:
			return NeedMore
		}
		return ends(rest[n.v:])
	case n.v > maxElements:
		return No
	case n.v == 0, depth == 0:
		return Yes
	case len(rest) == 0:
		return NeedMore
	}
	return valueVerdict(rest, depth-1)
}

func lineVerdict(b []byte) Verdict {
	for i, c := range b {
		switch {
		case c == '\r':
			return ends(b[i:])
		case i == 0 && (c|0x20 < 'a' || c|0x20 > 'z'), c < ' ' || c == 0x7f, i > 512:
			return No
		}
	}
	return NeedMore
}

func numberVerdict(b []byte) Verdict {
	for i, c := range b {
		if c == '\r' && i > 0 {
			return ends(b[i:])
		}
		if (c < '0' || c > '9') && !bytes.ContainsRune([]byte("+-.eEinfa"), rune(c)) || i > 512 {
			return No
		}
	}
	return NeedMore
}
