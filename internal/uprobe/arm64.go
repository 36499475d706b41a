// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package uprobe

import (
	"encoding/binary"
	"strings"

	"golang.org/x/arch/arm64/arm64asm"
)

type arm64 struct{}

const (
	linkRegister = 30
	// gARM64 holds the current goroutine.
	gARM64 = 28
	// stackARM64 is the number that the stack pointer has in addresses.
	stackARM64 = 31
)

func (arm64) name() string { return "arm64" }
func (arm64) quantum() int { return 4 }

func (arm64) arguments(w Want) (regs, error) {
	if w.ABI == Go {
		r, err := firstOf(w.Args, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
		return r | 1<<gARM64, err
	}
	return firstOf(w.Args, 0, 1, 2, 3, 4, 5, 6, 7)
}

func (a arm64) results(abi ABI, n int) (regs, error) {
	if abi == Go {
		return a.arguments(Want{ABI: Go, Args: n})
	}
	return firstOf(n, 0, 1)
}

// form is a class of instructions: those whose bits under the mask have the value.
type form struct{ mask, value uint32 }

func (f form) is(w uint32) bool { return w&f.mask == f.value }

// Classes of the Arm Architecture Reference Manual for A-profile, C4.1.
var (
	formB       = form{0xfc000000, 0x14000000}
	formBL      = form{0xfc000000, 0x94000000}
	formBCond   = form{0xff000010, 0x54000000}
	formCBZ     = form{0x7e000000, 0x34000000} // and cbnz
	formTBZ     = form{0x7e000000, 0x36000000} // and tbnz
	formADR     = form{0x1f000000, 0x10000000} // and adrp
	formBR      = form{0xfffffc1f, 0xd61f0000}
	formBLR     = form{0xfffffc1f, 0xd63f0000}
	formRET     = form{0xfffffc1f, 0xd65f0000}
	formLDRLit  = form{0xbf000000, 0x18000000}
	formLDRSW   = form{0xff000000, 0x98000000}
	formNOP     = form{0xffffffff, 0xd503201f}
	formBTI     = form{0xffffff3f, 0xd503241f}
	formPACSP   = form{0xffffffbf, 0xd503233f} // paciasp, pacibsp
	formSTP     = form{0xfe400000, 0xa8000000} // of 64 bits, with a new base or without
	formSTRPre  = form{0xffe00c00, 0xf8000c00} // str x, [base, #n]!
	formSTR     = form{0xffc00000, 0xf9000000}
	formSTRB    = form{0xffc00000, 0x39000000}
	formSTUR    = form{0xffe00c00, 0xf8000000}
	formSubImm  = form{0xff800000, 0xd1000000} // of 64 bits
	formAddImm  = form{0xff800000, 0x91000000}
	formsSimple = []form{formB, formBL, formBCond, formCBZ, formTBZ, formADR, formBR, formBLR, formRET, formLDRLit, formLDRSW}
)

func (arm64) pushed() int { return 0 }

func (arm64) result(n int) int {
	if n > 15 {
		return -1
	}
	return n
}

func (arm64) stores(code []byte) []store {
	if len(code) < 4 {
		return nil
	}
	w := binary.LittleEndian.Uint32(code)
	if w>>5&31 != stackARM64 {
		return nil
	}
	switch {
	case formSTR.is(w):
		return []store{{int(w & 31), int(w >> 10 & 0xfff * 8), 8}}
	case formSTP.is(w) && w>>23&3 == 2:
		at := int(int64(extend(w>>15, 7)) * 2)
		return []store{{int(w & 31), at, 8}, {int(w >> 10 & 31), at + 8, 8}}
	case formSTRB.is(w):
		return []store{{-1, int(w >> 10 & 0xfff), 1}}
	}
	return nil
}

func (arm64) decode(code []byte, addr uint64, k Kernel) inst {
	if len(code) < 4 {
		return inst{}
	}
	w := binary.LittleEndian.Uint32(code)
	in := inst{addr: addr, size: 4, flow: lost}
	if x, err := arm64asm.Decode(code); err == nil {
		in.text = strings.ToLower(x.String())
		in.flow = next
		effectsARM64(&x, &in)
	}
	in.emulated = emulatedARM64(w, k)
	branchARM64(w, &in)
	stackEffectARM64(w, &in)
	if formNOP.is(w) || formBTI.is(w) || formPACSP.is(w) {
		in.flow, in.writes, in.returns = next, 0, formPACSP.is(w)
	}
	return in
}

// emulatedARM64 follows arm_probe_decode_insn of arch/arm64/kernel/probes/decode-insn.c.
func emulatedARM64(w uint32, k Kernel) bool {
	for _, f := range formsSimple {
		if f.is(w) {
			return true
		}
	}
	return formNOP.is(w) && k.NopARM64
}

// extend gives the low bits of a word as a signed number, times 4.
func extend(w uint32, bits uint) uint64 {
	return uint64(int64(int32(w<<(32-bits))>>(32-bits)) * 4)
}

func branchARM64(w uint32, in *inst) {
	switch {
	case formB.is(w):
		in.flow, in.target = jump, in.addr+extend(w, 26)
	case formBL.is(w):
		in.flow, in.target = call, in.addr+extend(w, 26)
	case formBCond.is(w), formCBZ.is(w):
		in.flow, in.target = branch, in.addr+extend(w>>5, 19)
	case formTBZ.is(w):
		in.flow, in.target = branch, in.addr+extend(w>>5, 14)
	case formBLR.is(w):
		in.flow = call
	case formRET.is(w):
		in.flow = ret
	case formBR.is(w):
		in.flow = lost
	}
}

// stackEffectARM64 notes how the stack pointer moves, and whether the return address is saved.
func stackEffectARM64(w uint32, in *inst) {
	rd, rn, rt2 := w&31, w>>5&31, w>>10&31
	switch {
	case formSTP.is(w):
		in.returns = rd == linkRegister || rt2 == linkRegister
		if mode := w >> 23 & 3; rn == stackARM64 && mode != 2 { // post- or pre-indexed
			in.stack = -int(int64(extend(w>>15, 7)) * 2)
		}
	case formSTRPre.is(w):
		in.returns = rd == linkRegister
		if rn == stackARM64 {
			in.stack = -int(int64(extend(w>>12, 9)) / 4)
		}
	case formSTR.is(w), formSTUR.is(w):
		in.returns = rd == linkRegister
	case formSubImm.is(w), formAddImm.is(w):
		if rd != stackARM64 {
			return
		}
		in.stack = unknownStack
		if by := int(w >> 10 & 0xfff << (12 * (w >> 22 & 1))); rn == stackARM64 && formSubImm.is(w) {
			in.stack = by
		} else if rn == stackARM64 {
			in.stack = -by
		}
	}
}

// effectsARM64 notes what is written. In nearly all instructions the first operand is; those
// that are not judged end the walk.
func effectsARM64(x *arm64asm.Inst, in *inst) {
	switch x.Op {
	case arm64asm.CMP, arm64asm.CMN, arm64asm.TST, arm64asm.CCMP, arm64asm.NOP, arm64asm.PRFM, arm64asm.PRFUM:
	case arm64asm.STR, arm64asm.STUR, arm64asm.STRB, arm64asm.STRH, arm64asm.STURB, arm64asm.STURH, arm64asm.STP:
		baseARM64(x, in)
	case arm64asm.LDP, arm64asm.LDPSW:
		baseARM64(x, in)
		writesARM64(x.Args[0], in)
		writesARM64(x.Args[1], in)
	case arm64asm.LDR, arm64asm.LDUR, arm64asm.LDRB, arm64asm.LDRH, arm64asm.LDRSW, arm64asm.LDRSB, arm64asm.LDRSH,
		arm64asm.LDURB, arm64asm.LDURH, arm64asm.LDURSW:
		baseARM64(x, in)
		writesARM64(x.Args[0], in)
	case arm64asm.MOV, arm64asm.MOVZ, arm64asm.MOVN, arm64asm.MOVK, arm64asm.ADD, arm64asm.ADDS, arm64asm.SUB, arm64asm.SUBS, arm64asm.AND,
		arm64asm.ANDS, arm64asm.ORR, arm64asm.EOR, arm64asm.BIC, arm64asm.ORN, arm64asm.MVN, arm64asm.NEG, arm64asm.LSL, arm64asm.LSR, arm64asm.ASR,
		arm64asm.UXTB, arm64asm.UXTH, arm64asm.SXTB, arm64asm.SXTH, arm64asm.SXTW, arm64asm.UBFX, arm64asm.UBFIZ,
		arm64asm.UBFM, arm64asm.SBFM, arm64asm.SBFX, arm64asm.SBFIZ, arm64asm.CSEL, arm64asm.CSET, arm64asm.CSINC, arm64asm.CSETM, arm64asm.MUL, arm64asm.MADD,
		arm64asm.ADR, arm64asm.ADRP, arm64asm.FMOV:
		writesARM64(x.Args[0], in)
	default:
		in.flow = lost
	}
}

// baseARM64 notes the base of an address that the instruction moves.
func baseARM64(x *arm64asm.Inst, in *inst) {
	for _, a := range x.Args {
		if m, ok := a.(arm64asm.MemImmediate); ok && m.Mode != arm64asm.AddrOffset {
			writesARM64(m.Base, in)
		}
	}
}

func writesARM64(a arm64asm.Arg, in *inst) {
	var r arm64asm.Reg
	switch a := a.(type) {
	case arm64asm.Reg:
		r = a
	case arm64asm.RegSP:
		r = arm64asm.Reg(a)
	default:
		return
	}
	var n int
	switch {
	case r >= arm64asm.W0 && r <= arm64asm.WZR:
		n = int(r - arm64asm.W0)
	case r >= arm64asm.X0 && r <= arm64asm.XZR:
		n = int(r - arm64asm.X0)
	default:
		return // floating point
	}
	switch {
	case n == linkRegister:
		in.returns = true
	case n == stackARM64:
		// The zero register or the stack pointer. What moves the latter in a known way is seen
		// by stackEffectARM64.
		if _, sp := a.(arm64asm.RegSP); sp {
			in.stack = unknownStack
		}
		return
	}
	in.writes |= 1 << n
}
