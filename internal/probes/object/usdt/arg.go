// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package usdt

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// ArgKind says where an argument is, with the numbers of libbpf's enum __bpf_usdt_arg_type.
type ArgKind uint8

// The kinds.
const (
	Const    ArgKind = iota // it is Value
	Register                // in the register at Register
	Memory                  // where the register at Register points to, plus Value
)

// Arg is an argument of a probe.
type Arg struct {
	Kind ArgKind
	// Size is in bytes: 1, 2, 4 or 8.
	Size   int
	Signed bool
	// Register is the offset of a register in struct pt_regs.
	Register int16
	Value    int64
}

// MaxArgs is the most that a probe has.
const MaxArgs = 12

// ParseArgs reads the arguments of a probe for an architecture: "amd64" or "arm64".
//
// Returns an error that quotes an argument whose form is not known, as an address
// relative to the program counter.
func ParseArgs(text, arch string) ([]Arg, error) {
	forms := formsOf(arch)
	var args []Arg
	rest := strings.TrimSpace(text)
	for rest != "" {
		found := false
		for _, f := range forms {
			m := f.pattern.FindStringSubmatch(rest)
			if m == nil {
				continue
			}
			a, err := f.arg(m[1:])
			if err != nil {
				return nil, fmt.Errorf("argument %d of %q: %w", len(args)+1, text, err)
			}
			args = append(args, a)
			rest = strings.TrimSpace(rest[len(m[0]):])
			found = true
			break
		}
		if !found {
			word, _, _ := strings.Cut(rest, " ")
			return nil, fmt.Errorf("argument %d of %q: the form of %q is not known", len(args)+1, text, word)
		}
		if len(args) > MaxArgs {
			return nil, fmt.Errorf("%q has more than %d arguments", text, MaxArgs)
		}
	}
	return args, nil
}

// form is a way to write an argument. Its groups are the size, the offset or number, and the
// register; the order says which.
type form struct {
	pattern *regexp.Regexp
	kind    ArgKind
	arch    string
	// number and register are the indexes of the groups, -1 for none.
	number, register int
}

func formsOf(arch string) []form {
	const size = `^(-?[1248])@`
	const end = `(?:\s|$)`
	all := []form{
		{regexp.MustCompile(size + `\$(-?[0-9]+)` + end), Const, "amd64", 1, -1},
		{regexp.MustCompile(size + `%([a-z0-9]+)` + end), Register, "amd64", -1, 1},
		{regexp.MustCompile(size + `(-?[0-9]*)\(%([a-z0-9]+)\)` + end), Memory, "amd64", 1, 2},
		{regexp.MustCompile(size + `(-?[0-9]+)` + end), Const, "arm64", 1, -1},
		{regexp.MustCompile(size + `([a-z][a-z0-9]+)` + end), Register, "arm64", -1, 1},
		{regexp.MustCompile(size + `\[([a-z0-9]+)\]` + end), Memory, "arm64", -1, 1},
		{regexp.MustCompile(size + `\[([a-z0-9]+), ?(-?[0-9]+)\]` + end), Memory, "arm64", 2, 1},
	}
	var forms []form
	for _, f := range all {
		if f.arch == arch {
			forms = append(forms, f)
		}
	}
	return forms
}

func (f *form) arg(groups []string) (a Arg, err error) {
	a.Kind = f.kind
	if a.Size, err = strconv.Atoi(groups[0]); err != nil {
		return a, err
	}
	if a.Size < 0 {
		a.Size, a.Signed = -a.Size, true
	}
	if f.number >= 0 && groups[f.number] != "" {
		if a.Value, err = strconv.ParseInt(groups[f.number], 10, 64); err != nil {
			return a, fmt.Errorf("%q is no number", groups[f.number])
		}
	}
	if f.register >= 0 {
		offset, ok := register(f.arch, groups[f.register])
		if !ok {
			return a, fmt.Errorf("%q is no register", groups[f.register])
		}
		a.Register = offset
	}
	return a, nil
}

// register gives the offset of a register in struct pt_regs
// (arch/x86/include/asm/ptrace.h, arch/arm64/include/uapi/asm/ptrace.h).
func register(arch, name string) (int16, bool) {
	if arch == "arm64" {
		if name == "sp" {
			return 31 * 8, true
		}
		n, err := strconv.Atoi(strings.TrimLeft(name, "xw"))
		if err != nil || n < 0 || n > 30 || len(name) < 2 {
			return 0, false
		}
		return int16(n * 8), true
	}
	for i, names := range []string{
		"r15 r15d r15w r15b", "r14 r14d r14w r14b", "r13 r13d r13w r13b", "r12 r12d r12w r12b", "rbp ebp bp bpl", "rbx ebx bx bl",
		"r11 r11d r11w r11b", "r10 r10d r10w r10b", "r9 r9d r9w r9b", "r8 r8d r8w r8b", "rax eax ax al", "rcx ecx cx cl",
		"rdx edx dx dl", "rsi esi si sil", "rdi edi di dil", "", "rip eip ip", "", "", "rsp esp sp spl",
	} {
		for n := range strings.FieldsSeq(names) {
			if n == name && name != "rip" {
				return int16(i * 8), true
			}
		}
	}
	return 0, false
}
