// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package mysql

// Recognize tells from the first bytes of a segment whether packets start there, and of
// which direction: the server's greeting, a login, a command with a text or a statement, or
// a whole response of a shape that proves it.
func Recognize(b []byte) (Direction, Verdict) {
	if len(b) <= headerLen {
		return Request, NeedMore
	}
	size := int64(b[0]) | int64(b[1])<<8 | int64(b[2])<<16
	if size == 0 {
		return Request, No
	}
	switch b[3] {
	case 0:
		if v := greeting(b); v != No {
			return Response, v
		}
		return Request, commandVerdict(b, size)
	case 1:
		if v := loginVerdict(b, size); v != No {
			return Request, v
		}
		return Response, responseVerdict(b, size)
	case 2:
		return Response, okVerdict(b[headerLen:], size) // to a login
	}
	return Request, No
}

// greeting judges the first packet of a server.
func greeting(b []byte) Verdict {
	if len(b) <= headerLen {
		return No
	}
	size := int64(b[0]) | int64(b[1])<<8 | int64(b[2])<<16
	if b[3] != 0 || b[4] != 10 || size < 40 || size > 512 {
		return No
	}
	for i, c := range b[5:] {
		switch {
		case c == 0:
			return yesIf(i >= 3 && (int64(len(b)) == size+headerLen || int64(len(b)) < size+headerLen))
		case c < ' ' || c > '~' || i == 0 && (c < '1' || c > '9') || i > 64:
			return No
		}
	}
	return NeedMore
}

func yesIf(ok bool) Verdict {
	if ok {
		return Yes
	}
	return No
}

// loginVerdict judges HandshakeResponse41 and SSLRequest by capabilities and reserved bytes.
func loginVerdict(b []byte, size int64) Verdict {
	const fixed = headerLen + 32
	if size < 32 || int64(len(b)) > size+headerLen {
		return No
	}
	if len(b) < fixed {
		return No
	}
	caps := uint32(b[4]) | uint32(b[5])<<8 | uint32(b[6])<<16 | uint32(b[7])<<24
	if caps&capProtocol41 == 0 {
		return No
	}
	for _, c := range b[13:32] {
		if c != 0 {
			return No
		}
	}
	return Yes
}

// minText is how much of a text must be seen when its end is not.
const minText = 8

// commandVerdict judges a command by its content. Only a whole segment or its prefix is b.
func commandVerdict(b []byte, size int64) Verdict {
	body := b[headerLen+1:]
	whole := int64(len(body)) == size-1
	if int64(len(body)) > size-1 { // two commands at once are not the first thing to be seen
		return No
	}
	switch c := Command(b[headerLen]); c {
	case ComQuery, ComStmtPrepare:
		if c == ComQuery && len(body) > 2 && body[0] < '\t' && body[1] == 1 {
			text, ok := skipAttributes(body)
			if !ok {
				return No
			}
			body = text
		}
		return textVerdict(body, whole)
	case ComStmtExecute:
		if size < 10 || len(body) < 9 {
			return No
		}
		return yesIf(body[4] < 16 && body[5] == 1 && body[6]|body[7]|body[8] == 0)
	case ComPing, ComResetConnection, ComQuit, ComStatistics, ComProcessInfo, ComDebug:
		return yesIf(whole && size == 1)
	case ComInitDB:
		for _, c := range body {
			if c < '!' || c >= 0x7f {
				return No
			}
		}
		return yesIf(whole && size >= 4)
	case ComStmtClose, ComStmtReset:
		return yesIf(whole && size == 5 && body[3] == 0 && body[2] == 0)
	case ComStmtFetch: // a statement and a number of rows
		return yesIf(whole && size == 9 && body[3]|body[2]|body[7] == 0)
	case ComStmtLongData: // a statement and a parameter
		return yesIf(size > 7 && len(body) >= 6 && body[3]|body[2]|body[5] == 0)
	default:
		return No
	}
}

func textVerdict(b []byte, whole bool) Verdict {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\n' || b[0] == '\t' || b[0] == '\r') {
		b = b[1:]
	}
	if len(b) < 2 || !whole && len(b) < minText {
		return No
	}
	if whole && b[len(b)-1] == 0 {
		b = b[:len(b)-1] // some clients send it
	}
	for i, c := range b {
		if c < ' ' && (c < '\t' || c > '\r') && i < 64 || i < minText && c >= 0x7f {
			return No
		}
	}
	c := b[0]
	return yesIf(c|0x20 >= 'a' && c|0x20 <= 'z' || c == '(' || c == '-' && b[1] == '-' || c == '/' && b[1] == '*' || c == '#')
}

// responseVerdict judges OK, ERR and the beginning of a result set.
func responseVerdict(b []byte, size int64) Verdict {
	body := b[headerLen:]
	switch {
	case body[0] == 0xff && size >= 9 && len(body) >= 9:
		if body[3] != '#' {
			return No
		}
		for _, c := range body[4:9] {
			if (c < '0' || c > '9') && (c < 'A' || c > 'Z') {
				return No
			}
		}
		return Yes
	case body[0] == 0:
		return okVerdict(body, size)
	case size <= 2 && body[0] > 0 && body[0] < 0xfb && int64(len(body)) > size+headerLen+4:
		def := body[size:] // "def", the catalog, begins every definition
		return yesIf(def[3] == 2 && def[4] == 3 && string(def[5:8]) == "def")
	}
	return No
}

// okVerdict judges an OK packet: counts, status and warnings, and what is told beside them.
func okVerdict(body []byte, size int64) Verdict {
	if len(body) < 7 || int64(len(body)) != size || body[0] != 0 || body[1] > 250 || body[2] > 250 {
		return No
	}
	// One of many protocols' small messages, unless status and warnings are plain.
	status, more := uint16(body[3])|uint16(body[4])<<8, body[7:]
	if status&0xb0fc != 0 || status&3 == 0 || body[5]|body[6] != 0 && size == 7 || body[6] != 0 {
		return No
	}
	if len(more) == 0 {
		return Yes
	}
	n := int(more[0]) // the message, and after it changes of the session
	if n >= len(more) {
		return No
	}
	for _, c := range more[1 : n+1] {
		if c < ' ' {
			return No
		}
	}
	return yesIf(n+1 == len(more) || status&0x4000 != 0)
}

// plausible reports that a command may start at b, the start of a segment of n bytes.
func plausible(b []byte, n int64) bool {
	if len(b) <= headerLen || b[3] != 0 || names[b[headerLen]] == "" {
		return false
	}
	size := int64(b[0]) | int64(b[1])<<8 | int64(b[2])<<16
	if size == 0 {
		return false
	}
	next := size + headerLen // a further command, if any
	return size == maxPacket || next >= n || next+headerLen >= int64(len(b)) || b[next+3] == 0
}

// headerAlone tells the header of a command that its server reads before the rest, as
// mariadbd does: a segment of n bytes.
func headerAlone(b []byte, n int64) bool {
	return n == headerLen && len(b) == headerLen && b[3] == 0 && b[0]|b[1]|b[2] != 0
}
