// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package uprobe

import (
	"bytes"
	"fmt"
	"strings"

	"golang.org/x/arch/x86/x86asm"
)

type amd64 struct{}

// Numbers of registers as instructions encode them.
const (
	rAX, rCX, rDX, rBX, rSP, rSI, rDI = 0, 1, 2, 3, 4, 6, 7
	r8, r9, r10, r11, r14             = 8, 9, 10, 11, 14
)

// goAMD64 are the registers of a Go function's arguments.
var goAMD64 = [...]int{rAX, rBX, rCX, rDI, rSI, r8, r9, r10, r11}

func (amd64) name() string { return "amd64" }
func (amd64) quantum() int { return 1 }

func (amd64) arguments(w Want) (regs, error) {
	if w.ABI == Go {
		r, err := firstOf(w.Args, goAMD64[:]...)
		return r | 1<<r14, err
	}
	return firstOf(w.Args, rDI, rSI, rDX, rCX, r8, r9)
}

func (a amd64) results(abi ABI, n int) (regs, error) {
	if abi == Go {
		return a.arguments(Want{ABI: Go, Args: n})
	}
	return firstOf(n, rAX, rDX)
}

func firstOf(n int, order ...int) (regs, error) {
	if n < 0 || n > len(order) {
		return 0, fmt.Errorf("%d values are wanted, but only %d are in registers", n, len(order))
	}
	var r regs
	for _, i := range order[:n] {
		r |= 1 << i
	}
	return r, nil
}

func (amd64) pushed() int { return 8 }

func (amd64) result(n int) int {
	if n >= len(goAMD64) {
		return -1
	}
	return goAMD64[n]
}

func (amd64) stores(code []byte) []store {
	x, err := x86asm.Decode(code, 64)
	if err != nil {
		return nil
	}
	m, ok := x.Args[0].(x86asm.Mem)
	if !ok || m.Base != x86asm.RSP || m.Index != 0 {
		return nil
	}
	s := store{reg: -1, at: int(m.Disp), size: x.MemBytes}
	if r, ok := x.Args[1].(x86asm.Reg); ok && x.Op == x86asm.MOV && r >= x86asm.RAX && r <= x86asm.R15 {
		s.reg = int(r - x86asm.RAX)
	}
	return []store{s}
}

func (amd64) decode(code []byte, addr uint64, k Kernel) inst {
	// x86asm decodes it as a nop with operands that it does not have.
	if bytes.HasPrefix(code, []byte{0xf3, 0x0f, 0x1e, 0xfa}) {
		return inst{addr: addr, size: 4, text: "endbr64"}
	}
	x, err := x86asm.Decode(code, 64)
	if err != nil || x.Len == 0 {
		return inst{}
	}
	in := inst{addr: addr, size: x.Len, text: strings.ToLower(x86asm.IntelSyntax(x, addr, nil))}
	if rel, ok := x.Args[0].(x86asm.Rel); ok {
		in.target = addr + uint64(x.Len) + uint64(int64(rel))
	}
	in.emulated = emulatedAMD64(&x, code[:x.Len], k)
	effectsAMD64(&x, &in)
	in.returns = in.stack != 0 // the return address is no longer where the stack pointer points
	return in
}

// emulatedAMD64 follows arch_uprobe_analyze_insn of arch/x86/kernel/uprobes.c: branches by
// branch_setup_xol_ops, pushes by push_setup_xol_ops.
func emulatedAMD64(x *x86asm.Inst, code []byte, k Kernel) bool {
	_, relative := x.Args[0].(x86asm.Rel)
	switch {
	case x.Op == x86asm.NOP:
		return code[len(code)-1] == 0x90 && !rex(code) || k.AllNops
	case x.Op == x86asm.JMP || x.Op == x86asm.CALL || conditional(x.Op):
		// jrcxz and the like are relative, too, but are not emulated. Neither is a branch with
		// an operand-size prefix, which processors understand differently.
		return relative && bytes.IndexByte(code[:len(code)-1], 0x66) != 0
	case x.Op == x86asm.PUSH:
		return len(code) == 1 && code[0]&^7 == 0x50 || len(code) == 2 && code[0] == 0x41 && code[1]&^7 == 0x50
	}
	return false
}

func rex(code []byte) bool { return len(code) > 1 && code[len(code)-2]&0xf0 == 0x40 }

func conditional(op x86asm.Op) bool {
	switch op {
	case x86asm.JA, x86asm.JAE, x86asm.JB, x86asm.JBE, x86asm.JE, x86asm.JG, x86asm.JGE, x86asm.JL, x86asm.JLE,
		x86asm.JNE, x86asm.JNO, x86asm.JNP, x86asm.JNS, x86asm.JO, x86asm.JP, x86asm.JS:
		return true
	}
	return false
}

// effectsAMD64 fills in what the instruction changes. Only instructions that compilers put
// near a function's entry are judged; with any other, nobody knows.
func effectsAMD64(x *x86asm.Inst, in *inst) {
	switch x.Op {
	case x86asm.NOP, x86asm.CMP, x86asm.TEST, x86asm.BT, x86asm.PREFETCHT0, x86asm.UCOMISD, x86asm.UCOMISS:
	case x86asm.PUSH:
		in.stack = 8
	case x86asm.MOV, x86asm.MOVZX, x86asm.MOVSX, x86asm.MOVSXD, x86asm.LEA, x86asm.ADD, x86asm.SUB, x86asm.AND, x86asm.OR,
		x86asm.XOR, x86asm.ADC, x86asm.SBB, x86asm.NEG, x86asm.NOT, x86asm.INC, x86asm.DEC, x86asm.SHL, x86asm.SHR,
		x86asm.SAR, x86asm.BSWAP, x86asm.MOVD, x86asm.MOVQ, x86asm.MOVUPS, x86asm.MOVAPS, x86asm.MOVDQU, x86asm.MOVDQA,
		x86asm.MOVSS, x86asm.PXOR, x86asm.XORPS, x86asm.MOVHPS,
		x86asm.PUNPCKLQDQ, x86asm.SETE, x86asm.SETNE, x86asm.SETA, x86asm.SETAE, x86asm.SETB, x86asm.SETBE, x86asm.SETG,
		x86asm.SETGE, x86asm.SETL, x86asm.SETLE, x86asm.CMOVE, x86asm.CMOVNE, x86asm.CMOVA, x86asm.CMOVAE, x86asm.CMOVB,
		x86asm.CMOVBE, x86asm.CMOVG, x86asm.CMOVGE, x86asm.CMOVL, x86asm.CMOVLE, x86asm.CMOVS, x86asm.CMOVNS:
		destinationAMD64(x, in)
	case x86asm.IMUL:
		if x.Args[1] == nil {
			in.writes = 1<<rAX | 1<<rDX
			return
		}
		destinationAMD64(x, in)
	case x86asm.JMP:
		in.flow = jump
	case x86asm.CALL:
		in.flow = call
	case x86asm.RET:
		in.flow = ret
	default:
		if conditional(x.Op) {
			in.flow = branch
			return
		}
		in.flow = lost
	}
}

// destinationAMD64 notes the first operand as written.
func destinationAMD64(x *x86asm.Inst, in *inst) {
	r, ok := x.Args[0].(x86asm.Reg)
	if !ok {
		return
	}
	n, ok := numberAMD64(r)
	if !ok {
		return
	}
	in.writes = 1 << n
	if n != rSP {
		return
	}
	in.stack = unknownStack
	switch by := x.Args[1].(type) {
	case x86asm.Imm:
		switch x.Op {
		case x86asm.SUB:
			in.stack = int(by)
		case x86asm.ADD:
			in.stack = -int(by)
		}
	case x86asm.Mem:
		if x.Op == x86asm.LEA && by.Base == x86asm.RSP && by.Index == 0 {
			in.stack = -int(by.Disp)
		}
	}
}

// numberAMD64 is the number of an integer register of any width.
func numberAMD64(r x86asm.Reg) (int, bool) {
	switch {
	case r >= x86asm.AL && r <= x86asm.BL:
		return int(r - x86asm.AL), true
	case r >= x86asm.AH && r <= x86asm.BH:
		return int(r - x86asm.AH), true
	case r >= x86asm.SPB && r <= x86asm.R15B:
		return int(r-x86asm.SPB) + 4, true
	case r >= x86asm.AX && r <= x86asm.R15W:
		return int(r - x86asm.AX), true
	case r >= x86asm.EAX && r <= x86asm.R15L:
		return int(r - x86asm.EAX), true
	case r >= x86asm.RAX && r <= x86asm.R15:
		return int(r - x86asm.RAX), true
	}
	return 0, false
}
