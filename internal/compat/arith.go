// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package compat

import "github.com/cilium/ebpf/asm"

// operand gives the second operand of an ALU or jump instruction.
func operand(ins *asm.Instruction, s *state) value {
	if ins.OpCode.Source() == asm.RegSource {
		return s.regs[ins.Src&15]
	}
	return constOf(uint64(ins.Constant))
}

// alu gives the result of an ALU instruction, as far as it is known.
func alu(ins *asm.Instruction, dst, src value) value {
	wide := ins.OpCode.Class() == asm.ALU64Class
	op := ins.OpCode.ALUOp()
	if wide {
		switch {
		case op == asm.Mov:
			return src
		case op == asm.Add && src.kind == constant && dst.kind != constant:
			return dst.shift(src.n)
		case op == asm.Add && dst.kind == constant && src.kind != constant:
			return src.shift(dst.n)
		case op == asm.Sub && src.kind == constant && dst.kind != constant:
			return dst.shift(-src.n)
		case (op == asm.Add || op == asm.Sub) && dst.onStack():
			return value{kind: someStack}
		}
	}
	if op == asm.Neg && dst.kind == constant {
		dst, src, op = constOf(0), dst, asm.Sub
	}
	if op == asm.Xor && ins.OpCode.Source() == asm.RegSource && ins.Dst == ins.Src {
		return constOf(0)
	}
	if op == asm.Mov {
		dst = constOf(0) // what was there does not matter
	}
	if dst.kind != constant || src.kind != constant {
		return value{}
	}
	result, ok := arithmetic(op, uint64(dst.n), uint64(src.n), wide)
	if !ok {
		return value{}
	}
	if !wide {
		result = uint64(uint32(result))
	}
	return constOf(result)
}

// shift moves a pointer. A moved argument is not the argument any more.
func (a value) shift(by int64) value {
	switch a.kind {
	case stack, contextPointer, memory:
		a.n += by
		return a
	case someStack, nonNull:
		return value{kind: a.kind}
	default:
		return value{}
	}
}

// arithmetic computes a binary operation as the kernel defines it: division by
// zero gives zero, and the remainder by zero the dividend.
func arithmetic(op asm.ALUOp, a, b uint64, wide bool) (uint64, bool) {
	bits := uint64(64)
	if !wide {
		a, b, bits = uint64(uint32(a)), uint64(uint32(b)), 32
	}
	switch op {
	case asm.Mov:
		return b, true
	case asm.Add:
		return a + b, true
	case asm.Sub:
		return a - b, true
	case asm.Mul:
		return a * b, true
	case asm.Div:
		if b == 0 {
			return 0, true
		}
		return a / b, true
	case asm.Mod:
		if b == 0 {
			return a, true
		}
		return a % b, true
	case asm.Or:
		return a | b, true
	case asm.And:
		return a & b, true
	case asm.Xor:
		return a ^ b, true
	case asm.LSh:
		return a << (b & (bits - 1)), true
	case asm.RSh:
		return a >> (b & (bits - 1)), true
	case asm.ArSh:
		if wide {
			return uint64(int64(a) >> (b & 63)), true
		}
		return uint64(uint32(int32(a) >> (b & 31))), true
	case asm.MovSX8:
		return uint64(int64(int8(b))), true
	case asm.MovSX16:
		return uint64(int64(int16(b))), true
	case asm.MovSX32:
		return uint64(int64(int32(b))), true
	default:
		return 0, false
	}
}

// compare decides a conditional jump, if it can be decided.
func compare(op asm.OpCode, left, right value) (taken, known bool) {
	jump := op.JumpOp()
	if op.Class() == asm.JumpClass && right.kind == constant && right.n == 0 && left.kind != constant && left.isNonNull() {
		switch jump {
		case asm.JEq:
			return false, true
		case asm.JNE:
			return true, true
		}
	}
	if left.kind != constant || right.kind != constant {
		return false, false
	}
	a, b := uint64(left.n), uint64(right.n)
	x, y := left.n, right.n
	if op.Class() == asm.Jump32Class {
		a, b = uint64(uint32(a)), uint64(uint32(b))
		x, y = int64(int32(a)), int64(int32(b))
	}
	switch jump {
	case asm.JEq:
		return a == b, true
	case asm.JNE:
		return a != b, true
	case asm.JGT:
		return a > b, true
	case asm.JGE:
		return a >= b, true
	case asm.JLT:
		return a < b, true
	case asm.JLE:
		return a <= b, true
	case asm.JSGT:
		return x > y, true
	case asm.JSGE:
		return x >= y, true
	case asm.JSLT:
		return x < y, true
	case asm.JSLE:
		return x <= y, true
	case asm.JSet:
		return a&b != 0, true
	default:
		return false, false
	}
}
