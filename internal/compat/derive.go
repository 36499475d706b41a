// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package compat

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// emit takes a need and the way to judge it on a kernel.
type emit func(Need, func(*checker) Verdict)

// derive lists what a program needs, given what is reached in it. gone tells
// which instructions CO-RE could not relocate on the kernel in question.
func (p *program) derive(o *object, r *reach, gone map[int]bool, add emit) {
	p.deriveTypes(add)
	p.deriveHook(r, add)
	p.deriveMaps(o, add)
	for i := range p.spec.Instructions {
		ins := &p.spec.Instructions[i]
		if ext, ok := p.externals[i]; ok {
			p.deriveExternal(ext, ins, r.insns[i], add)
			continue
		}
		if !r.insns[i] {
			continue
		}
		if relo := p.relos[i]; relo != nil && !relo.asks() && relo.kind != "local_type_id" {
			kind, name := relo.name()
			missing := gone[i]
			add(Need{Kind: kind, Class: classOfType(name), Name: name}, func(c *checker) Verdict {
				if !missing {
					return Verdict{}
				}
				return c.missing(kind, name, relo)
			})
		}
		if name := fetches(ins); name != "" {
			add(Need{Kind: KindInstruction, Class: ClassUAPI, Name: name}, func(c *checker) Verdict {
				return c.fetches(name)
			})
		}
		if ins.IsBuiltinCall() && ins.Constant >= 0 {
			fn := asm.BuiltinFunc(ins.Constant)
			add(Need{Kind: KindHelper, Class: ClassHelper, Name: helperName(fn)}, func(c *checker) Verdict {
				return c.helper(fn)
			})
		}
	}
}

func (p *program) deriveTypes(add emit) {
	typ, attach := p.spec.Type, p.spec.AttachType
	add(Need{Kind: KindProgramType, Class: ClassUAPI, Name: programTypeName(typ)}, func(c *checker) Verdict {
		return c.programType(typ)
	})
	if attach != ebpf.AttachNone {
		add(Need{Kind: KindAttachType, Class: ClassUAPI, Name: attachTypeName(attach)}, func(c *checker) Verdict {
			return c.enumerator("bpf_attach_type", int64(attach), "attach type "+attachTypeName(attach))
		})
	}
}

func (p *program) deriveHook(r *reach, add emit) {
	h := p.hook
	add(Need{Kind: KindHook, Class: h.class(), Name: h.name()}, func(c *checker) Verdict { return c.hook(h) })
	uses := argUses(h, r)
	arguments, declared := p.arguments()
	for i := range uses {
		uses[i].result = declared && uses[i].index == arguments
	}
	// first is the first argument in use that a hook with that many does not have, so that one
	// sentence is enough for all of them.
	first := func(have int) int {
		for _, use := range uses {
			if use.index >= have {
				return use.index
			}
		}
		return have
	}
	for i, use := range uses {
		// A use as a struct says more than the mere reading, which always comes first.
		if use.as == "" && i+1 < len(uses) && uses[i+1].index == use.index {
			continue
		}
		n := Need{Kind: KindArgument, Class: h.class(), Name: h.name() + " argument " + strconv.Itoa(use.index+1)}
		if use.result {
			n.Name = fmt.Sprintf("%s result after %d arguments", h.name(), arguments)
		}
		if use.as != "" {
			n.Detail = "struct " + use.as + " *"
		}
		add(n, func(c *checker) Verdict { return c.argument(h, use, first) })
	}
}

// argumentsTag is how a program that runs at a function's end declares how many
// arguments the function has, by __attribute__((btf_decl_tag("arguments:3"))). The
// result follows them in its context, so that a program which reads it by its
// place reads something else when the function gains an argument, and nothing
// else in the object tells so.
const argumentsTag = "arguments:"

// arguments gives the number that the program declares, in words of its context.
func (p *program) arguments() (n int, ok bool) {
	if !returns(p.hook) || len(p.spec.Instructions) == 0 {
		return 0, false
	}
	fn := btf.FuncMetadata(&p.spec.Instructions[0])
	if fn == nil {
		return 0, false
	}
	for _, tag := range fn.Tags {
		if number, is := strings.CutPrefix(tag, argumentsTag); is {
			n, err := strconv.Atoi(number)
			return n, err == nil
		}
	}
	return 0, false
}

// argUses lists how a program uses the arguments of its hook, in their order.
func argUses(h hook, r *reach) []argUse {
	var uses []argUse
	for use := range r.args {
		if h.inRegisters() {
			var ok bool
			if use.index, use.arch, ok = register(use.index); !ok {
				continue
			}
		} else if !h.isArray() {
			continue
		}
		uses = append(uses, use)
	}
	slices.SortFunc(uses, func(a, b argUse) int {
		return cmp.Or(cmp.Compare(a.index, b.index), strings.Compare(a.as, b.as))
	})
	return uses
}

// registers gives the instructions with the offsets that registers have in the
// kernel's struct pt_regs: an object need not have the whole struct.
func (p *program) registers(insns asm.Instructions) asm.Instructions {
	if !p.hook.inRegisters() {
		return insns
	}
	placed := slices.Clone(insns)
	for i, r := range p.relos {
		_, name := r.name()
		if word, ok := wordOf(name); ok && r.kind == "byte_off" && placed[i].OpCode.Class() == asm.LdXClass {
			placed[i].Offset = int16(word) * 8
		}
	}
	return placed
}

// deriveMaps lists the maps that the program refers to anywhere: the kernel
// resolves them before it looks at what is reached.
func (p *program) deriveMaps(o *object, add emit) {
	seen := make(map[string]bool)
	for i := range p.spec.Instructions {
		ins := &p.spec.Instructions[i]
		name := ins.Reference()
		if !ins.IsLoadFromMap() || seen[name] {
			continue
		}
		seen[name] = true
		if m := o.spec.Maps[name]; m != nil {
			deriveMap(m, add)
		}
	}
}

func deriveMap(m *ebpf.MapSpec, add emit) {
	typ := m.Type
	add(Need{Kind: KindMapType, Class: ClassUAPI, Name: mapTypeName(typ)}, func(c *checker) Verdict {
		return c.enumerator("bpf_map_type", int64(typ), "map type "+mapTypeName(typ))
	})
	for bit, flag := range mapFlags {
		if m.Flags&(1<<bit) == 0 || flag == "" {
			continue
		}
		add(Need{Kind: KindMapFlag, Class: ClassUAPI, Name: flag}, func(c *checker) Verdict {
			return c.mapFlag(flag)
		})
	}
	if m.InnerMap != nil {
		deriveMap(m.InnerMap, add)
	}
}

// deriveExternal lists a kfunc, symbol or option. A strong one must be there
// even if it is never reached, since the loader asks for it.
func (p *program) deriveExternal(ext external, ins *asm.Instruction, reached bool, add emit) {
	called := ins.IsKfuncCall() && reached
	switch {
	case ext.kconfig:
		add(Need{Kind: KindOption, Class: ClassInternal, Name: ext.name, Optional: !reached}, func(c *checker) Verdict {
			return c.option(ext)
		})
	case ext.fn != nil:
		add(Need{Kind: KindKfunc, Class: ClassKfunc, Name: ext.name, Detail: prototype(ext.fn), Optional: ext.weak && !called},
			func(c *checker) Verdict { return c.kfunc(ext, called) })
	default:
		add(Need{Kind: KindSymbol, Class: ClassInternal, Name: ext.name, Optional: ext.weak}, func(c *checker) Verdict {
			return c.symbol(ext)
		})
	}
}

// classOfType tells tracepoint records from the kernel's internals.
func classOfType(name string) Class {
	if strings.HasPrefix(name, "trace_event_raw_") || strings.HasPrefix(name, "btf_trace_") {
		return ClassTracepoint
	}
	return ClassInternal
}
