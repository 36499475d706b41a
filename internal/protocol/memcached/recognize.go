// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package memcached

import "bytes"

// Recognize tells from the first bytes of a direction whether a message starts there, and
// which. A text command must be a whole line with the arguments that its name wants. Lines
// that other protocols also have ("quit", "version", "stats", "ERROR", "OK", "END") need more.
func Recognize(b []byte) (Direction, Verdict) {
	if len(b) == 0 {
		return Request, NeedMore
	}
	switch b[0] {
	case magicRequest, magicResponse:
		d := Request
		if b[0] == magicResponse {
			d = Response
		}
		return d, headerVerdict(b)
	}
	if v := lineVerdict(b); v != No {
		return Request, v
	}
	return Response, answerVerdict(b)
}

// headerVerdict judges a binary header, with what must hold of each opcode's lengths.
func headerVerdict(b []byte) Verdict {
	var h header
	h.read(b)
	if h.n > 5 && h.b[5] != 0 || h.n > 1 && h.command() == nil || h.n > 4 && h.extrasLen() > 20 || h.n > 3 && h.keyLen() > maxKey {
		return No
	}
	if h.n < headerLen {
		return NeedMore
	}
	if !h.valid(h.b[0]) {
		return No
	}
	key, extras := h.keyLen() > 0, h.extrasLen()
	ok := true
	switch c := h.command().class; {
	case h.b[0] == magicResponse:
		ok = h.status() <= 0x86 && (extras == 0 || extras == 4)
	case c == classStore:
		ok = key && (extras == 8 || extras == 0)
	case c == classCount:
		ok = key && extras == 20
	case c == classGat, c == classTouch:
		ok = key && extras == 4
	case c == classGet, c == classDelete:
		ok = key && extras == 0 && h.valueLen() == 0
	}
	if !ok {
		return No
	}
	return Yes
}

// The longest lines that are recognized: commands may name many keys, answers one.
const (
	maxCommandLine = 8192
	maxAnswerLine  = 511
)

// lineVerdict judges a line as a command.
func lineVerdict(b []byte) Verdict {
	line, whole := firstLine(b)
	if len(line) > maxCommandLine || !printable(line) {
		return No
	}
	f := bytes.Fields(line)
	if len(f) == 0 || line[0] == ' ' {
		return No
	}
	if !whole {
		if len(f) == 1 && line[len(line)-1] != ' ' {
			return prefixVerdict(f[0])
		}
		if textCommand(f[0]) == nil {
			return No
		}
		return NeedMore
	}
	c := textCommand(f[0])
	if c == nil {
		return No
	}
	digits := func(i int) bool {
		if i >= len(f) {
			return false
		}
		for _, d := range f[i] {
			if d < '0' || d > '9' {
				return false
			}
		}
		return true
	}
	key := len(f) > 1 && len(f[1]) <= maxKey
	var ok bool
	switch c.class {
	case classStore:
		ok = key && len(f) <= 7 && digits(2) && digits(4)
	case classCount:
		ok = key && len(f) <= 4 && digits(2)
	case classGat:
		ok = len(f) > 2 && digits(1)
	case classMetaSet:
		ok = key && digits(2)
	case classMetaGet, classMetaDelete, classMetaCount, classMetaDebug, classGet, classDelete, classTouch:
		if ok = key && !bytes.HasPrefix(f[len(f)-1], []byte("HTTP/")); ok && len(f) > 2 && c.class == classDelete {
			ok = len(f) <= 4
		}
	case classMetaNoop:
		ok = len(f) == 1
	default:
		return NeedMore
	}
	if !ok {
		return No
	}
	return Yes
}

// firstLine is the bytes up to LF, without CR.
func firstLine(b []byte) (line []byte, whole bool) {
	line, _, whole = bytes.Cut(b, []byte{'\n'})
	return bytes.TrimSuffix(line, []byte{'\r'}), whole
}

func printable(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c == 0x7f {
			return false
		}
	}
	return true
}

func prefixVerdict(b []byte) Verdict {
	for i := range textCommands {
		if bytes.HasPrefix([]byte(textCommands[i].name), b) {
			return NeedMore
		}
	}
	return No
}

// answerVerdict judges a line as a response.
func answerVerdict(b []byte) Verdict {
	line, whole := firstLine(b)
	if len(line) > maxAnswerLine || !printable(line) {
		return No
	}
	f := bytes.Fields(line)
	if len(f) == 0 {
		return No
	}
	if !whole {
		for _, w := range [...]string{"VALUE ", "STORED", "NOT_STORED", "NOT_FOUND", "EXISTS", "DELETED", "TOUCHED", "END", "STAT ", "VERSION ",
			"ERROR", "CLIENT_ERROR ", "SERVER_ERROR ", "HD", "VA ", "EN", "MN", "NF", "NS", "EX", "ME ", "OK", "RESET"} {
			if n := min(len(w), len(line)); string(line[:n]) == w[:n] {
				return NeedMore
			}
		}
		return No
	}
	switch textAnswer(f[0]) {
	case answerUnknown, answerNumber:
		return No
	case answerValue:
		var n number
		for i := range f {
			if i == 3 {
				for _, c := range f[i] {
					n.add(c)
				}
			}
		}
		if len(f) < 4 || len(f) > 5 || n.value() < 0 || string(f[0]) != "VALUE" {
			return No
		}
		return Yes
	case answerStored, answerDeleted, answerTouched, answerNotFound, answerMN:
		if len(f) > 1 {
			return No
		}
		return Yes
	case answerVA:
		var n number
		for i := 1; i < min(len(f), 2); i++ {
			for _, c := range f[i] {
				n.add(c)
			}
		}
		if n.value() < 0 {
			return No
		}
		return Yes
	case answerMore:
		if string(f[0]) == "STAT" && len(f) >= 2 {
			return Yes
		}
	}
	return NeedMore
}

// commandVerdict judges where a command may begin.
func commandVerdict(b []byte) Verdict {
	if b[0] == magicRequest {
		return headerVerdict(b)
	}
	return lineVerdict(b)
}

// responseVerdict judges where a response may begin; there a number may be one.
func responseVerdict(b []byte) Verdict {
	if b[0] == magicResponse {
		return headerVerdict(b)
	}
	if line, whole := firstLine(b); whole && len(line) > 0 && len(line) <= 20 && textAnswer(bytes.TrimRight(line, " ")) == answerNumber {
		return Yes
	}
	return answerVerdict(b)
}
