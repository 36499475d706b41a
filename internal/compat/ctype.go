// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package compat

import (
	"strconv"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// signature writes a function's parameters and result as C does, as in
// "(struct sock *sk, int flags) struct sock *".
func signature(typ btf.Type) string {
	proto, ok := btf.As[*btf.FuncProto](typ)
	if !ok {
		return "()"
	}
	return parameters(proto.Params) + " " + ctype(proto.Return, 0)
}

func parameters(params []btf.FuncParam) string {
	var b strings.Builder
	b.WriteByte('(')
	for i, p := range params {
		if i > 0 {
			b.WriteString(", ")
		}
		s := ctype(p.Type, 0)
		b.WriteString(s)
		if p.Name != "" {
			if !strings.HasSuffix(s, "*") {
				b.WriteByte(' ')
			}
			b.WriteString(p.Name)
		}
	}
	b.WriteByte(')')
	return b.String()
}

// prototype writes a function's declaration without its name.
func prototype(fn *btf.Func) string { return signature(fn.Type) }

// ctype writes a type as C does. Types nest a few levels only; a broken object
// could make them a circle.
func ctype(typ btf.Type, depth int) string {
	if depth > 16 {
		return "…"
	}
	switch t := typ.(type) {
	case nil:
		return "…"
	case *btf.Void:
		return "void"
	case *btf.Pointer:
		inner := ctype(t.Target, depth+1)
		if strings.HasSuffix(inner, "*") {
			return inner + "*"
		}
		return inner + " *"
	case *btf.Const:
		return "const " + ctype(t.Type, depth+1)
	case *btf.Volatile:
		return "volatile " + ctype(t.Type, depth+1)
	case *btf.Restrict:
		return ctype(t.Type, depth+1)
	case *btf.TypeTag:
		return ctype(t.Type, depth+1)
	case *btf.Struct:
		return named("struct", t.Name)
	case *btf.Union:
		return named("union", t.Name)
	case *btf.Enum:
		return named("enum", t.Name)
	case *btf.Fwd:
		return named(t.Kind.String(), t.Name)
	case *btf.Array:
		return ctype(t.Type, depth+1) + "[" + strconv.FormatUint(uint64(t.Nelems), 10) + "]"
	case *btf.FuncProto:
		return "function"
	default:
		return typ.TypeName()
	}
}

func named(word, name string) string {
	if name == "" {
		return word
	}
	return word + " " + name
}

// pointee gives what a type points to, nil if it is no pointer.
func pointee(typ btf.Type) btf.Type {
	pointer, ok := btf.As[*btf.Pointer](typ)
	if !ok {
		return nil
	}
	return plain(pointer.Target)
}

// plain drops qualifiers and tags, but not typedefs, whose names do not matter here.
func plain(typ btf.Type) btf.Type { return btf.UnderlyingType(typ) }

// begins tells whether a struct has another one at its very start, at any
// depth: a pointer to it can then be taken for a pointer to the other.
func begins(outer *btf.Struct, inner string) bool {
	var typ btf.Type = outer
	for range 16 {
		var members []btf.Member
		switch t := plain(typ).(type) {
		case *btf.Struct:
			if t.Name == inner {
				return true
			}
			members = t.Members
		case *btf.Union:
			for _, m := range t.Members {
				if s, ok := plain(m.Type).(*btf.Struct); ok && s.Name == inner {
					return true
				}
			}
			members = t.Members
		}
		if len(members) == 0 {
			return false
		}
		typ = members[0].Type
	}
	return false
}
