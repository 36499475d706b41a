// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package compat

// Kind says what sort of thing a program needs of a kernel.
type Kind uint8

// The kinds of needs, in the order in which they are listed.
const (
	KindProgramType Kind = iota
	KindAttachType
	KindHook
	KindArgument
	KindField
	KindType
	KindEnumValue
	KindKfunc
	KindSymbol
	KindOption
	KindHelper
	KindInstruction
	KindMapType
	KindMapFlag
	KindObject
)

var kindNames = [...]string{
	"program type", "attach type", "hook", "argument", "field", "type", "enum value", "kfunc",
	"symbol", "option", "helper", "instruction", "map type", "map flag", "object",
}

// String gives the kind in words, as in "map type".
func (k Kind) String() string { return kindNames[k] }

// MarshalText makes JSON carry the words.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Class says how stable the kernel keeps something, most stable first.
type Class uint8

const (
	// ClassUAPI is part of the system call interface and does not break.
	ClassUAPI Class = iota
	// ClassHelper is a BPF helper; its number and signature do not change.
	ClassHelper
	// ClassTracepoint is a tracepoint or its arguments: rarely changed, with no
	// promise.
	ClassTracepoint
	// ClassInternal is a function, struct or variable of the kernel: changed at will.
	ClassInternal
	// ClassKfunc is a kfunc: as stable as an EXPORT_SYMBOL_GPL symbol
	// (Documentation/bpf/kfuncs.rst, "kfunc lifecycle expectations").
	ClassKfunc
)

var classNames = [...]string{"uapi", "helper", "tracepoint", "internal", "kfunc"}

// String gives the class in a word, as in "tracepoint".
func (c Class) String() string { return classNames[c] }

// MarshalText makes JSON carry the word.
func (c Class) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// Need is one thing that programs need of a kernel.
type Need struct {
	Kind  Kind  `json:"kind"`
	Class Class `json:"class"`
	// Name is the kernel's own, as in "sk_buff.len", "fexit/inet_csk_accept" or
	// "bpf_ringbuf_reserve".
	Name string `json:"name"`
	// Detail says what is assumed of it, as in "struct sock *" for an argument.
	// It may be empty.
	Detail string `json:"detail,omitempty"`
	// Optional means that the programs have another way, or do without, where a
	// kernel lacks it.
	Optional bool `json:"optional,omitempty"`
	// Programs names those that need it.
	Programs []string `json:"programs,omitempty"`
}

// Answer is one of three.
type Answer uint8

const (
	// Satisfied means that the kernel has it.
	Satisfied Answer = iota
	// Inconclusive means that only trying can tell.
	Inconclusive
	// Unsupported means that the kernel does not have it.
	Unsupported
)

var answerNames = [...]string{"satisfied", "inconclusive", "unsupported"}

// String gives the answer in a word.
func (a Answer) String() string { return answerNames[a] }

// MarshalText makes JSON carry the word.
func (a Answer) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// Verdict is the answer for one need.
type Verdict struct {
	Answer Answer `json:"answer"`
	// Reason is a sentence a user can act on. Empty if satisfied.
	Reason string `json:"reason,omitempty"`
	// Have is the signature that the kernel has, of a hook or kfunc. May be empty.
	Have string `json:"have,omitempty"`
}

func unsupported(reason string) Verdict  { return Verdict{Answer: Unsupported, Reason: reason} }
func inconclusive(reason string) Verdict { return Verdict{Answer: Inconclusive, Reason: reason} }
