// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package compat

import (
	"fmt"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// hookParams finds the parameters and the result of what a program attaches
// to. Nil if it is not there.
func (c *checker) hookParams(h hook) *btf.FuncProto {
	switch h.kind {
	case hookTypedTrace, hookRawTrace:
		return c.traceParams(h.target)
	case hookLSM:
		h.target = "bpf_lsm_" + h.target
	}
	fn := c.function(h.target)
	if fn == nil {
		return nil
	}
	proto, _ := btf.As[*btf.FuncProto](fn.Type)
	return proto
}

// traceParams finds the prototype of a tracepoint, without the private pointer
// that comes before its arguments (include/trace/bpf_probe.h).
func (c *checker) traceParams(name string) *btf.FuncProto {
	for _, spec := range c.targets {
		var def *btf.Typedef
		if spec.TypeByName("btf_trace_"+name, &def) != nil {
			continue
		}
		proto, ok := pointee(def.Type).(*btf.FuncProto)
		if !ok || len(proto.Params) == 0 {
			continue
		}
		// The typedef has no names; the function that calls the programs has.
		var caller *btf.Func
		if spec.TypeByName("__traceiter_"+name, &caller) == nil {
			if called, ok := btf.As[*btf.FuncProto](caller.Type); ok && len(called.Params) == len(proto.Params) {
				proto = called
			}
		}
		return &btf.FuncProto{Return: proto.Return, Params: proto.Params[1:]}
	}
	return nil
}

// argument judges whether the hook has the argument and whether it is what the
// program takes it for.
func (c *checker) argument(h hook, use argUse, first func(int) int) Verdict {
	if use.arch != "" && use.arch != c.kernel.Arch {
		return Verdict{} // another register than one that holds arguments there
	}
	proto := c.hookParams(h)
	if proto == nil {
		return Verdict{} // that it is not there is another need's verdict
	}
	v := c.argumentOf(h, use, proto, first)
	v.Have = parameters(proto.Params)
	return v
}

func (c *checker) argumentOf(h hook, use argUse, proto *btf.FuncProto, first func(int) int) Verdict {
	var slots []btf.Type // an argument passed by value may take several
	for _, p := range proto.Params {
		size, err := btf.Sizeof(p.Type)
		if err != nil {
			size = 8
		}
		for range max(1, (size+7)/8) {
			slots = append(slots, p.Type)
		}
	}
	what := fmt.Sprintf("argument %d", use.index+1)
	var typ btf.Type
	switch {
	case use.result && use.index != len(slots):
		return unsupported(fmt.Sprintf("%s: signature differs: the program reads the result after %d arguments, the kernel's has %d: %s",
			h.name(), use.index, len(proto.Params), parameters(proto.Params)))
	case use.index < len(slots):
		typ = slots[use.index]
	case use.index == len(slots) && returns(h) && !isVoid(proto.Return):
		typ = proto.Return
		what = "the result"
	default:
		return unsupported(fmt.Sprintf("%s: signature differs: the program reads argument %d, the kernel's has %d: %s",
			h.name(), first(len(slots))+1, len(proto.Params), parameters(proto.Params)))
	}
	if use.as == "" || c.canBe(typ, use) {
		return Verdict{}
	}
	return unsupported(fmt.Sprintf("%s: signature differs: the program takes %s for struct %s *, the kernel's is %s: %s",
		h.name(), what, use.as, ctype(typ, 0), parameters(proto.Params)))
}

// returns tells whether the result follows the arguments in the context.
func returns(h hook) bool {
	return h.kind == hookLSM || strings.HasPrefix(h.word, "fexit") || strings.HasPrefix(h.word, "fmod_ret") ||
		strings.HasPrefix(h.word, "fsession")
}

func isVoid(typ btf.Type) bool {
	_, ok := plain(typ).(*btf.Void)
	return ok || typ == nil
}

// canBe tells whether a value of the type may point to the struct that the
// program takes it for. A struct and the one it begins with stand for each
// other, as sock and tcp_sock do. Where C says nothing (void *, long), it may.
func (c *checker) canBe(typ btf.Type, use argUse) bool {
	target := pointee(typ)
	if target == nil {
		size, err := btf.Sizeof(typ)
		return !use.direct && err == nil && size >= 8
	}
	var name string
	switch t := target.(type) {
	case *btf.Struct:
		name = t.Name
	case *btf.Fwd:
		name = t.Name
	default:
		return true
	}
	if name == use.as || name == "" {
		return true
	}
	var have, want *btf.Struct
	if !c.findStruct(name, &have) || !c.findStruct(use.as, &want) {
		return true
	}
	return begins(have, use.as) || begins(want, name)
}

func (c *checker) findStruct(name string, found **btf.Struct) bool {
	for _, spec := range c.targets {
		if spec.TypeByName(name, found) == nil {
			return true
		}
	}
	return false
}

// missing explains why a CO-RE relocation has no answer.
func (c *checker) missing(kind Kind, name string, r *relocation) Verdict {
	root := essential(r.local.TypeName())
	known := false
	for _, spec := range c.targets {
		if types, err := spec.AnyTypesByName(root); err == nil && len(types) > 0 {
			known = true
			break
		}
	}
	word := "type"
	switch r.local.(type) {
	case *btf.Struct:
		word = "struct"
	case *btf.Union:
		word = "union"
	case *btf.Enum:
		word = "enum"
	}
	switch {
	case !known:
		return unsupported(fmt.Sprintf("%s %s: not in this kernel", word, root))
	case kind == KindField && c.hasPath(root, name):
		return unsupported(fmt.Sprintf("field %s: has another type in this kernel", name))
	case kind == KindField:
		return unsupported(fmt.Sprintf("field %s: not in %s", name, word))
	case kind == KindEnumValue:
		return unsupported(fmt.Sprintf("enum value %s: not in this kernel", name))
	default:
		return unsupported(fmt.Sprintf("%s %s: differs from what the program was compiled for", word, root))
	}
}

// hasPath tells whether a struct of the kernel has members by these names.
func (c *checker) hasPath(root, path string) bool {
	var s *btf.Struct
	if !c.findStruct(root, &s) {
		return false
	}
	var typ btf.Type = s
	for part := range strings.SplitSeq(strings.TrimPrefix(path, root+"."), ".") {
		part, _, _ = strings.Cut(part, "[")
		if typ = memberType(typ, part, 0); typ == nil {
			return false
		}
	}
	return true
}

// memberType finds a member, also within members without a name.
func memberType(typ btf.Type, name string, depth int) btf.Type {
	if array, ok := plain(typ).(*btf.Array); ok {
		typ = array.Type
	}
	var members []btf.Member
	switch t := plain(typ).(type) {
	case *btf.Struct:
		members = t.Members
	case *btf.Union:
		members = t.Members
	}
	for _, m := range members {
		if m.Name == name {
			return m.Type
		}
		if m.Name == "" && depth < 8 {
			if found := memberType(m.Type, name, depth+1); found != nil {
				return found
			}
		}
	}
	return nil
}
