// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package compat

import (
	"fmt"
	"strings"

	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// argUse is one way in which a program uses an argument of its hook.
type argUse struct {
	// index is the word of the context that it loads. That is the argument, or a
	// register of an architecture.
	index int
	// arch is where that register holds the argument; empty if it is none.
	arch string
	// as is the name of the struct that the program takes the argument for a
	// pointer to, empty if it shows no such thing.
	as string
	// direct means that it loads through the pointer itself, which the
	// verifier checks, and does not use a helper.
	direct bool
	// result means that the program takes it for what the function returns.
	result bool
}

// reach is what can be reached in a program.
type reach struct {
	insns []bool
	args  map[argUse]struct{}
	// result is what the program returns, meaningful if exits.
	result value
	exits  bool
	// writes tells that it may store to its context or to a packet.
	writes bool
}

// walker follows a program with constants propagated along all edges that can
// be taken, as the verifier does when it prunes. It keeps one state for each
// place where ways join, so that it ends.
type walker struct {
	insns asm.Instructions
	// preset gives the value that an instruction's load yields where the kernel
	// or the loader decides it.
	preset map[int]value
	// structs names the struct whose field an instruction accesses.
	structs map[int]string
	// packets are the offsets in the context of pointers into a packet.
	packets []int64

	raw       []int64       // raw offset of each instruction
	byRaw     map[int64]int // its inverse
	bySymbol  map[string]int
	states    []*state // per instruction where ways join
	pending   []int
	returns   map[int]value // by function: what it returns
	returned  map[int]bool  // by function: whether it returns at all
	callers   map[int][]callSite
	functions []int // per instruction: where its function begins
	result    *reach
}

type callSite struct {
	next  int   // the instruction after the call
	state state // what is known there but for R0
}

// walk finds what can be reached in a flattened program.
//
// Returns an error if a jump leads nowhere.
func walk(insns asm.Instructions, preset map[int]value, structs map[int]string, packets []int64) (*reach, error) {
	w := &walker{
		insns: insns, preset: preset, structs: structs, packets: packets,
		raw: make([]int64, len(insns)), byRaw: make(map[int64]int, len(insns)), bySymbol: make(map[string]int),
		states: make([]*state, len(insns)), functions: make([]int, len(insns)),
		returns: make(map[int]value), returned: make(map[int]bool), callers: make(map[int][]callSite),
		result: &reach{insns: make([]bool, len(insns)), args: make(map[argUse]struct{})},
	}
	called := make(map[string]bool)
	for i := range insns {
		if insns[i].IsFunctionReference() {
			called[insns[i].Reference()] = true
		}
	}
	var raw int64
	function := 0
	for i := range insns {
		w.raw[i] = raw
		w.byRaw[raw] = i
		raw += int64(insns[i].Width())
		if symbol := insns[i].Symbol(); symbol != "" {
			w.bySymbol[symbol] = i
			if called[symbol] || btf.FuncMetadata(&insns[i]) != nil {
				function = i
			}
		}
		w.functions[i] = function
	}
	if len(insns) == 0 {
		return w.result, nil
	}
	entry := state{}
	entry.regs[asm.R1] = value{kind: contextPointer}
	entry.regs[asm.R10] = value{kind: stack}
	w.to(0, &entry)
	for len(w.pending) > 0 {
		at := w.pending[len(w.pending)-1]
		w.pending = w.pending[:len(w.pending)-1]
		if err := w.block(at); err != nil {
			return nil, err
		}
	}
	return w.result, nil
}

// to adds a way that leads to an instruction.
func (w *walker) to(at int, s *state) {
	if at < 0 || at >= len(w.insns) {
		return // the verifier's business
	}
	if known := w.states[at]; known == nil {
		first := *s
		w.states[at] = &first
	} else if !known.join(s) {
		return
	}
	w.pending = append(w.pending, at)
}

// block follows instructions in a row until one that decides where to go, or
// one where ways join.
func (w *walker) block(at int) error {
	s := *w.states[at]
	for i := at; i < len(w.insns); i++ {
		if i != at && w.states[i] != nil {
			w.to(i, &s)
			return nil
		}
		ins := &w.insns[i]
		w.result.insns[i] = true
		class := ins.OpCode.Class()
		switch {
		case class.IsJump() && ins.OpCode.JumpOp() == asm.Exit:
			w.exit(w.functions[i], s.regs[asm.R0])
			return nil
		case class.IsJump() && ins.OpCode.JumpOp() == asm.Call:
			if ins.IsFunctionCall() {
				return w.call(i, &s)
			}
			for r := asm.R1; r <= asm.R5; r++ {
				s.clobber(s.regs[r])
			}
			w.afterCall(&s, value{})
			s.mark(asm.R0, ins.IsKfuncCall() && strings.Contains(ins.Reference(), "dynptr_slice_rdwr"))
		case class.IsJump():
			return w.jump(i, &s)
		case class.IsALU():
			s.markALU(ins)
			s.regs[ins.Dst] = w.compute(i, &s)
		case ins.OpCode.IsDWordLoad():
			v, err := w.loadImmediate(i)
			if err != nil {
				return err
			}
			s.regs[ins.Dst] = v
			s.mark(ins.Dst, false)
		case class == asm.LdXClass:
			w.noteField(i, &s, ins.Src)
			packet := w.loadsPacket(ins, &s)
			s.regs[ins.Dst] = w.load(ins, &s)
			s.mark(ins.Dst, packet)
		case class == asm.StClass, class == asm.StXClass:
			w.noteStore(ins, &s)
			storeTo(ins, &s)
		default: // socket filters' BPF_ABS and BPF_IND
			s.regs[asm.R0] = value{}
		}
		if v, ok := w.preset[i]; ok && class.IsALU() {
			s.regs[ins.Dst] = v
		}
	}
	return nil
}

func (w *walker) afterCall(s *state, result value) {
	for r := asm.R1; r <= asm.R5; r++ {
		s.regs[r] = value{}
		s.mark(r, false)
	}
	s.regs[asm.R0] = result
}

// call enters a function of the object. What it returns is known when its
// exits were seen.
func (w *walker) call(i int, s *state) error {
	callee, ok := w.bySymbol[w.insns[i].Reference()]
	if !ok {
		return fmt.Errorf("instruction %d calls %q, which is not in the object", i, w.insns[i].Reference())
	}
	entry := state{}
	// The verifier looks at a global function apart from its callers.
	fn := btf.FuncMetadata(&w.insns[callee])
	global := fn != nil && fn.Linkage == btf.GlobalFunc
	for r := asm.R1; r <= asm.R5; r++ {
		if v := s.regs[r]; v.onStack() {
			s.clobber(v)
			entry.regs[r] = value{kind: nonNull}
		} else if !global {
			entry.regs[r] = v
		}
	}
	entry.regs[asm.R10] = value{kind: stack}
	entry.packet, entry.spilled = s.packet&0x3e, s.spilled
	after := *s
	w.afterCall(&after, value{})
	after.mark(asm.R0, entry.packet != 0) // it may give back what it got
	w.callers[callee] = append(w.callers[callee], callSite{i + 1, after})
	if w.returned[callee] {
		after.regs[asm.R0] = w.returns[callee]
		w.to(i+1, &after)
	}
	w.to(callee, &entry)
	return nil
}

// exit returns to all callers of a function that were seen so far.
func (w *walker) exit(function int, result value) {
	if function == 0 {
		if w.result.exits {
			result = w.result.result.join(result)
		}
		w.result.result, w.result.exits = result, true
		return
	}
	fn := btf.FuncMetadata(&w.insns[function])
	if fn != nil && fn.Linkage == btf.GlobalFunc || result.onStack() {
		result = value{}
	}
	if w.returned[function] {
		result = w.returns[function].join(result)
		if result == w.returns[function] {
			return
		}
	}
	w.returns[function], w.returned[function] = result, true
	for _, site := range w.callers[function] {
		after := site.state
		after.regs[asm.R0] = result
		w.to(site.next, &after)
	}
}

func (w *walker) jump(i int, s *state) error {
	target, err := w.target(i)
	if err != nil {
		return err
	}
	ins := &w.insns[i]
	if ins.OpCode.JumpOp() == asm.Ja {
		w.to(target, s)
		return nil
	}
	left, right := s.regs[ins.Dst], operand(ins, s)
	taken, known := compare(ins.OpCode, left, right)
	if !known || taken {
		w.to(target, s)
	}
	if !known || !taken {
		w.to(i+1, s)
	}
	return nil
}

// target finds where a jump leads.
func (w *walker) target(i int) (int, error) {
	ins := &w.insns[i]
	if symbol := ins.Reference(); symbol != "" {
		if at, ok := w.bySymbol[symbol]; ok {
			return at, nil
		}
		return 0, fmt.Errorf("instruction %d jumps to %q, which is not in the object", i, symbol)
	}
	offset := int64(ins.Offset)
	if ins.OpCode.JumpOp() == asm.Ja && ins.OpCode.Class() == asm.Jump32Class {
		offset = ins.Constant // gotol
	}
	at, ok := w.byRaw[w.raw[i]+1+offset]
	if !ok {
		return 0, fmt.Errorf("instruction %d jumps to offset %d, where no instruction begins", i, offset)
	}
	return at, nil
}

func (w *walker) loadImmediate(i int) (value, error) {
	if v, ok := w.preset[i]; ok {
		return v, nil
	}
	ins := &w.insns[i]
	switch {
	case ins.IsLoadOfFunctionPointer():
		// A callback is called with what no one knows here.
		at, ok := w.bySymbol[ins.Reference()]
		if !ok {
			return value{}, fmt.Errorf("instruction %d refers to %q, which is not in the object", i, ins.Reference())
		}
		entry := state{}
		entry.regs[asm.R10] = value{kind: stack}
		entry.spilled = len(w.packets) > 0
		w.to(at, &entry)
		return value{kind: nonNull}, nil
	case ins.IsLoadFromMap():
		return value{kind: nonNull}, nil
	default:
		return constOf(uint64(ins.Constant)), nil
	}
}

func (w *walker) load(ins *asm.Instruction, s *state) value {
	base := s.regs[ins.Src]
	offset := base.n + int64(ins.Offset)
	size := ins.OpCode.Size().Sizeof()
	if size <= 0 {
		return value{}
	}
	switch base.kind {
	case stack:
		if ins.OpCode.Mode() != asm.MemMode {
			return value{}
		}
		return s.load(offset, int64(size))
	case memory:
		if v, ok := base.mem.read(offset, size); ok && ins.OpCode.Mode() == asm.MemMode {
			return constOf(v)
		}
	case contextPointer:
		index := int(offset / 8)
		w.result.args[argUse{index: index}] = struct{}{}
		if offset%8 == 0 && size == 8 {
			return value{kind: argument, n: int64(index)}
		}
	}
	return value{}
}

// noteField records that an argument is used as a pointer to a struct whose
// field the instruction accesses.
func (w *walker) noteField(i int, s *state, base asm.Register) {
	name, ok := w.structs[i]
	if !ok || s.regs[base].kind != argument {
		return
	}
	use := argUse{index: int(s.regs[base].n), as: name, direct: w.insns[i].OpCode.Class() == asm.LdXClass}
	w.result.args[use] = struct{}{}
}

// compute gives the result of an ALU instruction. An offset of a field reaches
// its pointer in two ways: as an operand that CO-RE relocates, or through a
// register that was loaded with it.
func (w *walker) compute(i int, s *state) value {
	ins := &w.insns[i]
	left, right := s.regs[ins.Dst], operand(ins, s)
	if ins.OpCode.ALUOp() != asm.Mov { // which does not use what was in the register
		w.noteField(i, s, ins.Dst)
	}
	if ins.OpCode.Class() == asm.ALU64Class && ins.OpCode.ALUOp() == asm.Add {
		w.noteSum(left, right)
		w.noteSum(right, left)
	}
	result := alu(ins, left, right)
	if _, ok := w.structs[i]; ok && ins.OpCode.ALUOp() == asm.Mov && result.kind == constant {
		result.from = i + 1
	}
	return result
}

// noteSum records an argument to which the offset of a field is added.
func (w *walker) noteSum(pointer, offset value) {
	if pointer.kind == argument && offset.from > 0 {
		w.result.args[argUse{index: int(pointer.n), as: w.structs[offset.from-1]}] = struct{}{}
	}
}

func storeTo(ins *asm.Instruction, s *state) {
	base := s.regs[ins.Dst]
	if ins.OpCode.Mode() != asm.MemMode { // atomic operations
		if base.onStack() {
			s.clobber(base)
		}
		s.regs[ins.Src] = value{}
		s.regs[asm.R0] = value{} // compare and exchange
		return
	}
	switch base.kind {
	case stack:
		size := int64(ins.OpCode.Size().Sizeof())
		if size <= 0 {
			s.stack = nil
			return
		}
		v := constOf(uint64(ins.Constant))
		if ins.OpCode.Class() == asm.StXClass {
			v = s.regs[ins.Src]
		}
		if size < 8 {
			if v.kind == constant {
				v.n &= 1<<(8*size) - 1
			} else {
				v = value{}
			}
		}
		s.store(base.n+int64(ins.Offset), size, v)
	case someStack:
		s.stack = nil
	}
}
