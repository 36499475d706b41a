// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package postgresql

const (
	// weakBytes is how many bytes may pass without a message that proves itself.
	weakBytes = 64
	// plausibleSize bounds the messages by which a connection is recognised, so that four
	// bytes of text are no length.
	plausibleSize = 1 << 28
	// minText is how much of a text must be seen when its end is not.
	minText = 8
)

// Recognize tells from the first bytes of a segment whether messages start there, and of
// which direction. All messages in b must be valid, and one of them must have a structure
// that proves it: short messages without content, COPY data and authentication have none.
func Recognize(b []byte) (Direction, Verdict) {
	if len(b) == 0 {
		return Request, NeedMore
	}
	if b[0] == 0 {
		return Request, startupVerdict(b)
	}
	req, resp := chainVerdict(Request, b), chainVerdict(Response, b)
	// Close of a statement may look like a command tag, which is by far more frequent.
	if resp == Yes || req == No || resp == NeedMore && req != Yes && !opener(b[0]) {
		return Response, resp
	}
	return Request, req
}

func startupVerdict(b []byte) Verdict {
	if len(b) < startupLen {
		if b[0] != 0 || len(b) > 1 && b[1] != 0 || len(b) > 2 && b[2] > maxStartup>>8 || len(b) > 5 && b[4] != 0 && b[4] != codeSSL>>24 {
			return No
		}
		return NeedMore
	}
	size, code := int64(be32(b)), be32(b[4:])
	switch {
	case code == codeSSL || code == codeGSS:
		return yesIf(size == startupLen)
	case code == codeCancel:
		return yesIf(size > startupLen && size <= startupLen+4+256)
	case code>>16 != 3 || code&0xffff > 99 || size > maxStartup || size < startupLen+8:
		return No
	}
	// The first parameter's name; a Kafka request has its numbers here.
	name, _, ok := cstring(b[startupLen:])
	for _, c := range name {
		if !(c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c == '.') {
			return No
		}
	}
	switch {
	case len(name) > 64, ok && len(name) < 2:
		return No
	case !ok:
		return NeedMore
	}
	return Yes
}

func yesIf(ok bool) Verdict {
	if ok {
		return Yes
	}
	return No
}

// chain reports that whole, valid messages start at b.
func chain(d Direction, b []byte) bool {
	if d == Request && b[0] == 0 {
		return startupVerdict(b) == Yes
	}
	return chainVerdict(d, b) == Yes
}

// loose reports that a message may start at b, where order says that one does.
func loose(d Direction, b []byte) bool {
	if d == Request && b[0] == 0 {
		return startupVerdict(b) != No
	}
	if d == Request && !opener(b[0]) && b[0] != 'X' && b[0] != 'H' {
		return false
	}
	if len(b) < headerLen {
		return messages[d][b[0]].low != 0
	}
	return verdict(d, b) != No
}

func chainVerdict(d Direction, b []byte) Verdict {
	v, n := NeedMore, len(b)
	for len(b) > 0 {
		switch verdict(d, b) {
		case No:
			return No
		case Yes:
			v = Yes
		}
		if len(b) < headerLen || int64(be32(b[1:]))+1 >= int64(len(b)) {
			break
		}
		b = b[1+be32(b[1:]):]
	}
	if v == NeedMore && n >= weakBytes {
		return No
	}
	return v
}

// verdict judges the one message at the start of b, of which the end may be missing.
func verdict(d Direction, b []byte) Verdict {
	m := messages[d][b[0]]
	if m.low == 0 {
		return No
	}
	if len(b) < headerLen {
		if len(b) > 1 && b[1] >= plausibleSize>>24 {
			return No
		}
		return NeedMore
	}
	size := int64(be32(b[1:]))
	if size < m.low || size > m.high || size >= plausibleSize {
		return No
	}
	body := b[headerLen:]
	whole := int64(len(body)) >= size-4
	if whole {
		body = body[:size-4]
	}
	if d == Request {
		return requestBody(b[0], body, whole)
	}
	return responseBody(b[0], body, whole)
}

func requestBody(typ byte, b []byte, whole bool) Verdict {
	switch typ {
	case 'Q':
		return sqlVerdict(b, whole)
	case 'P':
		name, rest, ok := cstring(b)
		if !printable(name) || !ok && whole {
			return No
		} else if !ok {
			return NeedMore
		}
		text, rest, ok := cstring(rest)
		if !ok {
			if whole {
				return No
			}
			return sqlVerdict(text, false)
		}
		if whole && (len(rest) < 2 || len(rest) != 2+4*(int(rest[0])<<8|int(rest[1]))) {
			return No
		}
		return sqlVerdict(b[len(name)+1:len(name)+len(text)+2], true)
	case 'B':
		return bindVerdict(b, whole)
	case 'E':
		name, rest, ok := cstring(b)
		if !printable(name) || whole && (!ok || len(rest) != 4 || rest[0] > 0x7f) {
			return No
		}
		return yesIfWhole(whole)
	case 'D', 'C':
		if len(b) == 0 {
			return NeedMore
		}
		name, rest, ok := cstring(b[1:])
		if b[0] != 'S' && b[0] != 'P' || !printable(name) || whole && (!ok || len(rest) > 0) {
			return No
		}
		return yesIfWhole(whole)
	}
	return NeedMore
}

func yesIfWhole(whole bool) Verdict {
	if whole {
		return Yes
	}
	return NeedMore
}

// bindVerdict follows the counts and lengths of a Bind.
func bindVerdict(b []byte, whole bool) Verdict {
	short := NeedMore
	if whole {
		short = No
	}
	for range 2 {
		name, rest, ok := cstring(b)
		if !printable(name) {
			return No
		}
		if !ok {
			return short
		}
		b = rest
	}
	for part := range 3 { // parameter formats, parameters, result formats
		if len(b) < 2 {
			return short
		}
		n := int(b[0])<<8 | int(b[1])
		b = b[2:]
		for range n {
			if part != 1 {
				if len(b) < 2 {
					return short
				}
				if b[0] != 0 || b[1] > 1 {
					return No
				}
				b = b[2:]
				continue
			}
			if len(b) < 4 {
				return short
			}
			size := int64(int32(be32(b)))
			b = b[4:]
			if size < -1 {
				return No
			}
			if size = max(size, 0); size > int64(len(b)) {
				if whole {
					return No
				}
				return Yes // two names, formats and a length were right
			}
			b = b[size:]
		}
	}
	return yesIf(len(b) == 0)
}

func responseBody(typ byte, b []byte, whole bool) Verdict {
	switch typ {
	case 'Z':
		if len(b) > 0 {
			return yesIf(validStatus(b[0]))
		}
	case 'R':
		if len(b) >= 4 {
			code := be32(b)
			switch {
			case code > 12 || code == 1 || code == 4, code < 4 && len(b) > 4, code == 5 && len(b) > 8:
				return No
			}
			return Yes
		}
	case 'S':
		name, rest, ok := cstring(b)
		value, rest, ok2 := cstring(rest)
		if !printable(name) || !printable(value) || whole && (!ok || !ok2 || len(rest) > 0 || len(name) < 2) {
			return No
		}
		return yesIfWhole(whole)
	case 'E', 'N':
		if len(b) < 2 {
			return NeedMore
		}
		severity, rest, ok := cstring(b[1:])
		if b[0] != 'S' || !printable(severity) || len(severity) > 32 {
			return No
		}
		if !ok || len(rest) == 0 {
			return NeedMore
		}
		return yesIf(len(severity) > 1 && (rest[0] == 'V' || rest[0] == 'C'))
	case 'T':
		return rowDescription(b, whole)
	case 'D':
		return dataRow(b, whole)
	case 'C':
		tag, rest, ok := cstring(b)
		for i, c := range tag {
			if (c < 'A' || c > 'Z') && (i == 0 || c != ' ' && (c < '0' || c > '9')) {
				return No
			}
		}
		if whole && (!ok || len(rest) > 0 || len(tag) < 2) {
			return No
		}
		return yesIfWhole(whole)
	}
	return NeedMore
}

func rowDescription(b []byte, whole bool) Verdict {
	if len(b) < 2 {
		return NeedMore
	}
	n := int(b[0])<<8 | int(b[1])
	b = b[2:]
	if n > 1664 { // MaxTupleAttributeNumber
		return No
	}
	for range n {
		name, rest, ok := cstring(b)
		if !ok || len(rest) < 18 {
			if whole || len(name) > maxName {
				return No
			}
			return NeedMore
		}
		if rest[16] != 0 || rest[17] > 1 {
			return No
		}
		b = rest[18:]
		if !whole {
			return Yes
		}
	}
	if whole && len(b) > 0 {
		return No
	}
	if n == 0 {
		return NeedMore
	}
	return yesIfWhole(whole)
}

func dataRow(b []byte, whole bool) Verdict {
	if len(b) < 2 {
		return NeedMore
	}
	n := int(b[0])<<8 | int(b[1])
	b = b[2:]
	if n > 1664 {
		return No
	}
	for range n {
		if len(b) < 4 {
			if whole {
				return No
			}
			return NeedMore
		}
		size := int64(int32(be32(b)))
		if b = b[4:]; size < -1 || size >= plausibleSize {
			return No
		}
		if size = max(size, 0); size > int64(len(b)) {
			if whole {
				return No
			}
			return NeedMore
		}
		b = b[size:]
	}
	if len(b) > 0 {
		return No
	}
	if n == 0 {
		return NeedMore
	}
	return yesIfWhole(whole)
}

// sqlVerdict judges the text of a Query, with its final NUL when whole.
func sqlVerdict(b []byte, whole bool) Verdict {
	if whole {
		if len(b) == 0 || b[len(b)-1] != 0 {
			return No
		}
		b = b[:len(b)-1]
	}
	if !printable(b) {
		return No
	}
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\n' || b[0] == '\t' || b[0] == '\r') {
		b = b[1:]
	}
	if len(b) < 2 || !whole && len(b) < minText {
		return NeedMore
	}
	for _, c := range b[:min(len(b), minText)] { // statements start with words
		if c >= 0x80 {
			return No
		}
	}
	switch c := b[0]; {
	case c|0x20 >= 'a' && c|0x20 <= 'z', c == '(', c == '-' && b[1] == '-', c == '/' && b[1] == '*', c == ';':
		return Yes
	}
	return No
}

// printable reports text without control characters.
func printable(b []byte) bool {
	for _, c := range b {
		if c < ' ' && (c < '\t' || c > '\r') || c == 0x7f {
			return false
		}
	}
	return true
}
