// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package memcached

// class of a command: what its arguments and its response look like.
type class uint8

const (
	classOther   class = iota // one line, whatever it says
	classGet                  // keys from argument 1; VALUE lines, END
	classGat                  // keys from argument 2
	classStore                // data of the length that argument 4 says
	classDelete               // key; DELETED or NOT_FOUND
	classTouch                // key; TOUCHED or NOT_FOUND
	classCount                // key; a number or NOT_FOUND
	classStats                // lines, then END or RESET or OK
	classVersion              // VERSION
	classQuit                 // no response
	classWatch                // OK, then a log
	classMetaGet
	classMetaSet // data of the length that argument 2 says
	classMetaDelete
	classMetaCount
	classMetaNoop
	classMetaDebug
)

func (c class) meta() bool { return c >= classMetaGet }

func (c class) looksUp() bool {
	switch c {
	case classGet, classGat, classDelete, classTouch, classCount, classMetaGet, classMetaDelete, classMetaCount, classMetaDebug:
		return true
	}
	return false
}

type command struct {
	name  string
	class class
	quiet bool // binary: may have no response
}

// textCommand finds a command of the text protocol by its name.
func textCommand(name []byte) *command {
	for i := range textCommands {
		if textCommands[i].name == string(name) {
			return &textCommands[i]
		}
	}
	return nil
}

// textCommands, most frequent first.
var textCommands = [...]command{
	{name: "get", class: classGet}, {name: "set", class: classStore}, {name: "gets", class: classGet},
	{name: "mg", class: classMetaGet}, {name: "ms", class: classMetaSet}, {name: "md", class: classMetaDelete},
	{name: "ma", class: classMetaCount}, {name: "mn", class: classMetaNoop}, {name: "me", class: classMetaDebug},
	{name: "delete", class: classDelete}, {name: "add", class: classStore}, {name: "replace", class: classStore},
	{name: "cas", class: classStore}, {name: "append", class: classStore}, {name: "prepend", class: classStore},
	{name: "incr", class: classCount}, {name: "decr", class: classCount}, {name: "touch", class: classTouch},
	{name: "gat", class: classGat}, {name: "gats", class: classGat}, {name: "stats", class: classStats},
	{name: "version", class: classVersion}, {name: "verbosity"}, {name: "flush_all"}, {name: "quit", class: classQuit},
	{name: "watch", class: classWatch}, {name: "lru_crawler", class: classStats}, {name: "cache_memlimit"}, {name: "slabs"},
	{name: "lru"}, {name: "extstore"}, {name: "refresh_certs"}, {name: "shutdown"}, {name: "misbehave"}, {name: "debugtime"},
}

// binaryCommands by opcode (protocol_binary.h).
var binaryCommands = [0x26]command{
	0x00: {"get", classGet, false}, 0x01: {"set", classStore, false}, 0x02: {"add", classStore, false},
	0x03: {"replace", classStore, false}, 0x04: {"delete", classDelete, false}, 0x05: {"increment", classCount, false},
	0x06: {"decrement", classCount, false}, 0x07: {"quit", classOther, false}, 0x08: {"flush", classOther, false},
	0x09: {"getq", classGet, true}, 0x0a: {"noop", classOther, false}, 0x0b: {"version", classOther, false},
	0x0c: {"getk", classGet, false}, 0x0d: {"getkq", classGet, true}, 0x0e: {"append", classStore, false},
	0x0f: {"prepend", classStore, false}, 0x10: {"stat", classStats, false}, 0x11: {"setq", classStore, true},
	0x12: {"addq", classStore, true}, 0x13: {"replaceq", classStore, true}, 0x14: {"deleteq", classDelete, true},
	0x15: {"incrementq", classCount, true}, 0x16: {"decrementq", classCount, true}, 0x17: {"quitq", classQuit, false},
	0x18: {"flushq", classOther, true}, 0x19: {"appendq", classStore, true}, 0x1a: {"prependq", classStore, true},
	0x1b: {"verbosity", classOther, false}, 0x1c: {"touch", classTouch, false}, 0x1d: {"gat", classGat, false},
	0x1e: {"gatq", classGat, true}, 0x20: {"sasl_list_mechs", classOther, false}, 0x21: {"sasl_auth", classOther, false},
	0x22: {"sasl_step", classOther, false}, 0x23: {"gatk", classGat, false}, 0x24: {"gatkq", classGat, true},
}

// answer is what a text response's line is, by its first word.
type answer uint8

const (
	answerUnknown answer = iota
	answerError
	answerValue // data follows; more lines follow
	answerMore  // more lines follow
	answerEnd
	answerStored
	answerDeleted
	answerTouched
	answerNotFound
	answerNumber
	answerOK
	answerVersion
	answerVA // data follows
	answerHD
	answerEN
	answerNS
	answerEX
	answerNF
	answerMN
	answerME
)

func textAnswer(w []byte) answer {
	switch string(w) {
	case "VALUE", "CONFIG":
		return answerValue
	case "END":
		return answerEnd
	case "STORED", "NOT_STORED", "EXISTS":
		return answerStored
	case "DELETED":
		return answerDeleted
	case "TOUCHED":
		return answerTouched
	case "NOT_FOUND":
		return answerNotFound
	case "OK", "RESET", "BUSY", "BADCLASS", "NOTFULL", "UNSAFE", "SAME":
		return answerOK
	case "STAT", "ITEM", "PREFIX":
		return answerMore
	case "VERSION":
		return answerVersion
	case "ERROR", "CLIENT_ERROR", "SERVER_ERROR":
		return answerError
	case "VA":
		return answerVA
	case "HD":
		return answerHD
	case "EN":
		return answerEN
	case "NS":
		return answerNS
	case "EX":
		return answerEX
	case "NF":
		return answerNF
	case "MN":
		return answerMN
	case "ME":
		return answerME
	}
	if len(w) >= 4 && string(w[:4]) == "key=" { // lru_crawler metadump
		return answerMore
	}
	for _, c := range w {
		if c < '0' || c > '9' {
			return answerUnknown
		}
	}
	return answerNumber
}

// flags reports whether flags follow on the answer's line.
func (a answer) flags() bool { return a >= answerVA && a < answerME }

// may reports whether a command of this class, quiet or not, can have the answer.
func (c class) may(a answer, quiet bool) bool {
	if a == answerError {
		return true
	}
	switch c {
	case classGet, classGat:
		return a == answerValue || a == answerEnd
	case classStore:
		return a == answerStored || a == answerNotFound
	case classDelete:
		return a == answerDeleted || a == answerNotFound
	case classTouch:
		return a == answerTouched || a == answerNotFound
	case classCount:
		return a == answerNumber || a == answerNotFound
	case classStats:
		return a == answerMore || a == answerEnd || a == answerOK
	case classVersion:
		return a == answerVersion
	case classMetaGet:
		return a == answerVA || a == answerHD || a == answerEN && !quiet
	case classMetaSet:
		return a == answerNS || a == answerEX || a == answerNF || a == answerHD && !quiet
	case classMetaDelete:
		return a == answerEX || a == answerNF || a == answerHD && !quiet
	case classMetaCount:
		return a == answerVA || a == answerNS || a == answerEX || a == answerNF || a == answerHD && !quiet
	case classMetaNoop:
		return a == answerMN
	case classMetaDebug:
		return a == answerME || a == answerEN
	}
	return a == answerOK || a == answerUnknown || a == answerNotFound
}
