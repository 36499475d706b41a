// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package compat

import (
	"debug/elf"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// relocation is one CO-RE relocation. The library keeps its parts to itself,
// but prints them.
type relocation struct {
	kind     string // the library's word, as in "byte_off"
	local    btf.Type
	accessor []int
}

// relocationOf takes a relocation apart.
func relocationOf(relo *btf.CORERelocation, types *btf.Spec) (*relocation, error) {
	// CORERelocation(byte_off, Struct:"sock"[0:1], local_id=7)
	text := relo.String()
	inner, ok := strings.CutPrefix(text, "CORERelocation(")
	kind, rest, ok2 := strings.Cut(inner, ", ")
	open, end := strings.LastIndex(rest, "["), strings.LastIndex(rest, "], local_id=")
	if !ok || !ok2 || open < 0 || end < open {
		return nil, fmt.Errorf("relocation in an unknown form: %s", text)
	}
	r := &relocation{kind: kind}
	for part := range strings.SplitSeq(rest[open+1:end], ":") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return nil, fmt.Errorf("relocation in an unknown form: %s", text)
		}
		r.accessor = append(r.accessor, n)
	}
	id, err := strconv.ParseUint(strings.TrimSuffix(rest[end+len("], local_id="):], ")"), 10, 32)
	if err != nil {
		return nil, fmt.Errorf("relocation in an unknown form: %s", text)
	}
	if r.local, err = types.TypeByID(btf.TypeID(id)); err != nil {
		return nil, fmt.Errorf("type of a relocation: %w", err)
	}
	return r, nil
}

// asks tells whether the relocation is a question whose answer may be no.
func (r *relocation) asks() bool {
	switch r.kind {
	case "field_exists", "type_exists", "enumval_exists", "type_matches":
		return true
	}
	return false
}

// name spells what the relocation is about, as in "sk_buff.len", and tells its kind.
func (r *relocation) name() (Kind, string) {
	root := essential(r.local.TypeName())
	switch r.kind {
	case "type_exists", "type_matches", "type_size", "target_type_id", "local_type_id":
		return KindType, root
	case "enumval_exists", "enumval_value":
		if enum, ok := btf.As[*btf.Enum](r.local); ok && r.accessor[0] < len(enum.Values) {
			value := essential(enum.Values[r.accessor[0]].Name)
			if root == "" {
				return KindEnumValue, value
			}
			return KindEnumValue, root + "." + value
		}
		return KindEnumValue, root
	}
	path := root
	typ := r.local
	for _, index := range r.accessor[1:] {
		switch t := btf.UnderlyingType(typ).(type) {
		case *btf.Struct:
			path, typ = member(path, t.Members, index)
		case *btf.Union:
			path, typ = member(path, t.Members, index)
		case *btf.Array:
			path, typ = path+"["+strconv.Itoa(index)+"]", t.Type
		default:
			return KindField, path
		}
		if typ == nil {
			return KindField, path
		}
	}
	return KindField, path
}

func member(path string, members []btf.Member, index int) (string, btf.Type) {
	if index >= len(members) {
		return path, nil
	}
	if name := members[index].Name; name != "" {
		path += "." + name
	}
	return path, members[index].Type
}

// structName is the struct whose field is accessed, without its flavour.
func (r *relocation) structName() string {
	if _, ok := btf.As[*btf.Struct](r.local); !ok {
		return ""
	}
	return essential(r.local.TypeName())
}

// essential drops a flavour, as libbpf does: "task_struct___old" is task_struct.
func essential(name string) string {
	if i := strings.LastIndex(name, "___"); i > 0 {
		return name[:i]
	}
	return name
}

// external is what an instruction refers to outside of the object: a kfunc, a
// kernel variable or an option of the kernel's configuration.
type external struct {
	name string
	// fn is the prototype of a kfunc, nil for others.
	fn   *btf.Func
	weak bool
	// kconfig means that offset is the place of the option in the section .kconfig.
	kconfig bool
	offset  uint32
}

// externals finds the externals of a program, by the index of the instruction.
// Whether a symbol is weak is known to the library only, which keeps it in the
// instruction's metadata under keys of its own; reflection reads it there. A
// test pins the form.
func externals(insns asm.Instructions, kfuncs map[string]*btf.Func, options map[uint32]string) map[int]external {
	found := make(map[int]external)
	for i := range insns {
		ins := &insns[i]
		ref := ins.Reference()
		isKfunc := ins.IsKfuncCall()
		isAddress := ins.OpCode.IsDWordLoad() && (ins.Src == asm.R0 || ins.Src == asm.PseudoMapValue)
		// The loader leaves out the name of an option, which only its offset tells.
		if !isKfunc && !isAddress || ref == "" && ins.Src != asm.PseudoMapValue {
			continue
		}
		for key, meta := range metadata(ins) {
			switch key {
			case "kfuncMetaKey":
				found[i] = external{name: ref, fn: kfuncs[ref], weak: binding(meta) == elf.STB_WEAK}
			case "ksymMetaKey":
				found[i] = external{name: ref, weak: binding(meta) == elf.STB_WEAK}
			case "kconfigMetaKey":
				if f := meta.FieldByName("Offset"); f.IsValid() && f.CanUint() {
					offset := uint32(f.Uint())
					found[i] = external{name: options[offset], kconfig: true, offset: offset}
				}
			}
		}
	}
	return found
}

// metadata walks the list of an instruction's metadata: the name of each key's
// type, and the struct that its value points to.
func metadata(ins *asm.Instruction) map[string]reflect.Value {
	all := make(map[string]reflect.Value)
	element := reflect.ValueOf(&ins.Metadata).Elem().FieldByName("head")
	for element.IsValid() && element.Kind() == reflect.Pointer && !element.IsNil() {
		e := element.Elem()
		key, val := e.FieldByName("key"), e.FieldByName("value")
		if !key.IsValid() || !val.IsValid() {
			return all
		}
		if key.Kind() == reflect.Interface && val.Kind() == reflect.Interface && !key.IsNil() && !val.IsNil() {
			if v := val.Elem(); v.Kind() == reflect.Pointer && !v.IsNil() && v.Elem().Kind() == reflect.Struct {
				all[key.Elem().Type().Name()] = v.Elem()
			}
		}
		element = e.FieldByName("next")
	}
	return all
}

func binding(meta reflect.Value) elf.SymBind {
	if f := meta.FieldByName("Binding"); f.IsValid() && f.CanInt() {
		return elf.SymBind(f.Int())
	}
	return elf.STB_GLOBAL
}

// prototypes collects the kfuncs that an object declares.
func prototypes(spec *ebpf.CollectionSpec) map[string]*btf.Func {
	found := make(map[string]*btf.Func)
	var section *btf.Datasec
	if spec.Types == nil || spec.Types.TypeByName(".ksyms", &section) != nil {
		return found
	}
	for _, v := range section.Vars {
		if fn, ok := v.Type.(*btf.Func); ok {
			found[fn.Name] = fn
		}
	}
	return found
}

// kconfigSection is the section of the kernel's options that an object refers to, nil if it has
// none.
func kconfigSection(spec *ebpf.CollectionSpec) *btf.Datasec {
	var section *btf.Datasec
	if spec.Types == nil || spec.Types.TypeByName(".kconfig", &section) != nil {
		return nil
	}
	return section
}

// kconfigNames gives the names of the options by their offsets in the section.
func kconfigNames(spec *ebpf.CollectionSpec) map[uint32]string {
	names := make(map[uint32]string)
	if section := kconfigSection(spec); section != nil {
		for _, v := range section.Vars {
			names[v.Offset] = v.Type.TypeName()
		}
	}
	return names
}

// KconfigOffset tells whether an instruction loads the address of an option of the kernel's
// configuration, and where in the section .kconfig the option is.
func KconfigOffset(ins *asm.Instruction) (offset uint32, ok bool) {
	meta, ok := metadata(ins)["kconfigMetaKey"]
	if !ok {
		return 0, false
	}
	f := meta.FieldByName("Offset")
	if !f.IsValid() || !f.CanUint() {
		return 0, false
	}
	return uint32(f.Uint()), true
}
