// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package nats

// verb is the first word of a control line.
type verb uint8

const (
	verbNone verb = iota
	verbConnect
	verbPub
	verbHPub
	verbSub
	verbUnsub
	verbInfo
	verbMsg
	verbHMsg
	verbOK
	verbErr
	verbPing
	verbPong
	verbForeign // of the protocols between servers
)

// of tells whether the direction has the verb.
func (v verb) of(d Direction) bool {
	switch v {
	case verbPing, verbPong:
		return true
	case verbConnect, verbPub, verbHPub, verbSub, verbUnsub:
		return d == Request
	case verbInfo, verbMsg, verbHMsg, verbOK, verbErr:
		return d == Response
	}
	return false
}

func (v verb) isMessage() bool { return v == verbPub || v == verbHPub || v == verbMsg || v == verbHMsg }

// span is a part of a line.
type span struct{ off, len int }

func (s span) of(line []byte) []byte {
	if s.len == 0 {
		return nil
	}
	return line[s.off : s.off+s.len]
}

// maxPayload bounds what a server may be configured to take (max_payload), in bytes.
const maxPayload = 1 << 30

// control is a control line that was read.
type control struct {
	verb                       verb
	subject, reply, sid, queue span
	headers, total             int64 // bytes of headers, and of headers and payload
}

// verbs are matched in any case, as the server does.
var verbs = [...]struct {
	name string
	verb verb
}{
	{"PUB", verbPub}, {"MSG", verbMsg}, {"HPUB", verbHPub}, {"HMSG", verbHMsg}, {"SUB", verbSub}, {"UNSUB", verbUnsub},
	{"PING", verbPing}, {"PONG", verbPong}, {"+OK", verbOK}, {"-ERR", verbErr}, {"INFO", verbInfo}, {"CONNECT", verbConnect},
	{"RMSG", verbForeign}, {"LMSG", verbForeign}, {"RS+", verbForeign}, {"RS-", verbForeign}, {"LS+", verbForeign},
	{"LS-", verbForeign}, {"A+", verbForeign}, {"A-", verbForeign},
}

// maxVerb is the length of the longest verb.
const maxVerb = 7

// verbOf reads the first word of b and gives its length.
func verbOf(b []byte) (verb, int) {
	n := 0
	for n < len(b) && n <= maxVerb && !isSpace(b[n]) && b[n] != '\r' && b[n] != '\n' {
		n++
	}
	for i := range verbs {
		if len(verbs[i].name) == n && equalFold(b[:n], verbs[i].name) {
			return verbs[i].verb, n
		}
	}
	return verbNone, n
}

// verbPrefix tells whether b, without a space, may be the beginning of a verb.
func verbPrefix(b []byte) bool {
	for i := range verbs {
		if len(b) <= len(verbs[i].name) && equalFold(b, verbs[i].name[:len(b)]) {
			return true
		}
	}
	return false
}

// equalFold compares with an upper-case name.
func equalFold(b []byte, name string) bool {
	for i := range b {
		c := b[i]
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		if c != name[i] {
			return false
		}
	}
	return true
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' }

// read reads a control line without its CRLF. It tells whether it is valid.
func (c *control) read(line []byte) bool {
	v, n := verbOf(line)
	*c = control{verb: v}
	switch v {
	case verbNone:
		return false
	case verbConnect, verbInfo, verbErr, verbForeign: // what follows is not looked at
		return true
	}
	var words [6]span
	count := 0
	for i := n; i < len(line); {
		for i < len(line) && isSpace(line[i]) {
			i++
		}
		if i == len(line) {
			break
		}
		begin := i
		for i < len(line) && !isSpace(line[i]) {
			if line[i] < '!' || line[i] == 0x7f {
				return false
			}
			i++
		}
		if count == len(words) {
			return false
		}
		words[count] = span{begin, i - begin}
		count++
	}
	switch v {
	case verbPub: // subject [reply] size
		if count < 2 || count > 3 {
			return false
		}
		c.subject = words[0]
		if count == 3 {
			c.reply = words[1]
		}
		c.total = size(words[count-1].of(line))
		return c.total >= 0
	case verbHPub: // subject [reply] headers total
		if count < 3 || count > 4 {
			return false
		}
		c.subject = words[0]
		if count == 4 {
			c.reply = words[1]
		}
		return c.sizes(line, words[count-2], words[count-1])
	case verbMsg: // subject sid [reply] size
		if count < 3 || count > 4 {
			return false
		}
		c.subject, c.sid = words[0], words[1]
		if count == 4 {
			c.reply = words[2]
		}
		c.total = size(words[count-1].of(line))
		return c.total >= 0
	case verbHMsg: // subject sid [reply] headers total
		if count < 4 || count > 5 {
			return false
		}
		c.subject, c.sid = words[0], words[1]
		if count == 5 {
			c.reply = words[2]
		}
		return c.sizes(line, words[count-2], words[count-1])
	case verbSub: // subject [queue] sid
		if count < 2 || count > 3 {
			return false
		}
		c.subject, c.sid = words[0], words[count-1]
		if count == 3 {
			c.queue = words[1]
		}
		return true
	case verbUnsub: // sid [max]
		c.sid = words[0]
		if count == 2 {
			c.total = size(words[1].of(line))
		}
		return count == 1 || count == 2 && c.total >= 0
	default: // PING, PONG, +OK
		return count == 0
	}
}

func (c *control) sizes(line []byte, headers, total span) bool {
	c.headers, c.total = size(headers.of(line)), size(total.of(line))
	return c.headers >= 0 && c.total >= c.headers
}

// size reads a number of bytes, -1 when it is none.
func size(b []byte) int64 {
	if len(b) == 0 || len(b) > 10 {
		return -1
	}
	var n int64
	for _, d := range b {
		if d < '0' || d > '9' {
			return -1
		}
		n = 10*n + int64(d-'0')
	}
	if n > maxPayload {
		return -1
	}
	return n
}
