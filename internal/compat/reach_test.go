// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package compat

import (
	"testing"

	"github.com/cilium/ebpf/asm"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestWalk checks what is reached. The instructions with the helper KtimeGetNs
// are reached, those with GetPrandomU32 are not.
func TestWalk(t *testing.T) {
	yes, no := asm.FnKtimeGetNs.Call(), asm.FnGetPrandomU32.Call()
	asked := value{} // set by the cases as the answer to instruction 0
	for _, c := range []struct {
		name   string
		answer value
		insns  asm.Instructions
	}{
		{"question answered no", constOf(0), asm.Instructions{
			asm.Mov.Imm(asm.R1, 1),
			asm.JEq.Imm(asm.R1, 0, "out"),
			no,
			yes.WithSymbol("out"),
			asm.Return(),
		}},
		{"question answered yes", constOf(1), asm.Instructions{
			asm.Mov.Imm(asm.R1, 1),
			asm.JEq.Imm(asm.R1, 0, "out"),
			yes,
			asm.Ja.Label("end"),
			no.WithSymbol("out"),
			asm.Return().WithSymbol("end"),
		}},
		{"question without answer", asked, asm.Instructions{
			asm.Mov.Imm(asm.R1, 1),
			asm.JEq.Imm(asm.R1, 0, "out"),
			yes,
			yes.WithSymbol("out"),
			asm.Return(),
		}},
		{"weak symbol that is there", value{kind: nonNull}, asm.Instructions{
			asm.LoadImm(asm.R1, 0, asm.DWord),
			asm.JNE.Imm(asm.R1, 0, "there"),
			no,
			asm.Return(),
			yes.WithSymbol("there"),
			asm.Return(),
		}},
		{"arithmetic", constOf(1), asm.Instructions{
			asm.Mov.Imm(asm.R1, 0),
			asm.LSh.Imm(asm.R1, 4),
			asm.Or.Imm(asm.R1, 3),
			asm.Sub.Imm32(asm.R1, 20), // -1 as 32 bits
			asm.LoadImm(asm.R2, 0xffffffff, asm.DWord),
			asm.JEq.Reg(asm.R1, asm.R2, "same"),
			no,
			yes.WithSymbol("same"),
			asm.Return(),
		}},
		{"through the stack", constOf(0), asm.Instructions{
			asm.Mov.Imm(asm.R1, 1),
			asm.StoreMem(asm.RFP, -16, asm.R1, asm.DWord),
			asm.Mov.Reg(asm.R2, asm.RFP),
			asm.Add.Imm(asm.R2, -8),
			asm.Mov.Reg(asm.R1, asm.R2),
			yes, // may write from -8 up, not below
			asm.LoadMem(asm.R3, asm.RFP, -16, asm.DWord),
			asm.JEq.Imm(asm.R3, 0, "out"),
			no,
			asm.Return().WithSymbol("out"),
		}},
		{"overwritten by a helper", constOf(0), asm.Instructions{
			asm.Mov.Imm(asm.R1, 1),
			asm.StoreMem(asm.RFP, -8, asm.R1, asm.DWord),
			asm.Mov.Reg(asm.R1, asm.RFP),
			asm.Add.Imm(asm.R1, -16),
			yes,
			asm.LoadMem(asm.R3, asm.RFP, -8, asm.DWord),
			asm.JEq.Imm(asm.R3, 0, "out"),
			yes,
			asm.Return().WithSymbol("out"),
		}},
		{"two ways with one value", constOf(0), asm.Instructions{
			asm.Mov.Imm(asm.R6, 1),
			asm.FnKtimeGetNs.Call(),
			asm.Mov.Imm(asm.R7, 5),
			asm.JEq.Imm(asm.R0, 0, "other"),
			asm.Mov.Imm(asm.R8, 1),
			asm.Ja.Label("join"),
			asm.Mov.Imm(asm.R8, 2).WithSymbol("other"),
			asm.JEq.Imm(asm.R8, 1, "one").WithSymbol("join"),
			yes,
			asm.JNE.Imm(asm.R7, 5, "never").WithSymbol("one"),
			asm.JEq.Imm(asm.R6, 0, "end"),
			no.WithSymbol("never"),
			asm.Return().WithSymbol("end"),
		}},
		{"a loop", constOf(0), asm.Instructions{
			asm.Mov.Imm(asm.R6, 1),
			asm.Mov.Imm(asm.R7, 0),
			asm.JEq.Imm(asm.R6, 0, "next").WithSymbol("loop"),
			no,
			asm.Add.Imm(asm.R7, 1).WithSymbol("next"),
			asm.JLT.Imm(asm.R7, 10, "loop"),
			yes,
			asm.Return(),
		}},
		{"functions", constOf(0), asm.Instructions{
			asm.Mov.Imm(asm.R1, 1),
			asm.Call.Label("identity"),
			asm.JEq.Imm(asm.R0, 0, "out"),
			no,
			yes.WithSymbol("out"),
			asm.Return(),
			asm.Mov.Reg(asm.R0, asm.R1).WithSymbol("identity"),
			asm.Return(),
			no.WithSymbol("never called"),
			asm.Return(),
		}},
		{"function that does not return", constOf(0), asm.Instructions{
			asm.Mov.Imm(asm.R1, 1),
			asm.Call.Label("forever"),
			no,
			asm.Return(),
			asm.Ja.Label("forever").WithSymbol("forever"),
		}},
		{"narrow comparison", constOf(1 << 32), asm.Instructions{
			asm.LoadImm(asm.R1, 1, asm.DWord),
			asm.JEq.Imm32(asm.R1, 0, "out"),
			no,
			asm.Return().WithSymbol("out"),
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := walk(c.insns, map[int]value{0: c.answer}, nil, nil)
			require.NoError(t, err)
			for i, ins := range c.insns {
				if ins.IsBuiltinCall() {
					assert.Equal(t, asm.BuiltinFunc(ins.Constant) == asm.FnKtimeGetNs, r.insns[i], "instruction %d", i)
				}
			}
		})
	}
}

func TestWalkArguments(t *testing.T) {
	insns := asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.LoadMem(asm.R2, asm.R6, 8, asm.DWord),  // argument 1
		asm.LoadMem(asm.R3, asm.R2, 16, asm.Word),  // a field of it, by itself
		asm.LoadMem(asm.R4, asm.R6, 28, asm.Word),  // the upper half of argument 3
		asm.LoadMem(asm.R5, asm.R6, 32, asm.DWord), // argument 4
		asm.Mov.Reg(asm.R1, asm.R5),
		asm.Add.Imm(asm.R1, 4), // a field of it, for a helper
		asm.Mov.Imm(asm.R5, 8), // the offset of a field, over what was an argument
		asm.Return(),
	}
	r, err := walk(insns, nil, map[int]string{2: "task_struct", 6: "sock", 7: "tcp_sock"}, nil)
	require.NoError(t, err)
	assert.Equal(t, map[argUse]struct{}{
		{index: 1}: {}, {index: 3}: {}, {index: 4}: {},
		{index: 1, as: "task_struct", direct: true}: {},
		{index: 4, as: "sock"}:                      {},
	}, r.args)
}

func TestWalkBroken(t *testing.T) {
	for name, insns := range map[string]asm.Instructions{
		"jump out":     {asm.Instruction{OpCode: asm.OpCode(asm.JumpClass).SetJumpOp(asm.Ja), Offset: 99}, asm.Return()},
		"no such call": {asm.Call.Label("nowhere"), asm.Return()},
		"no such jump": {asm.Ja.Label("nowhere"), asm.Return()},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := walk(insns, nil, nil, nil)
			assert.Error(t, err)
		})
	}
	r, err := walk(nil, nil, nil, nil)
	require.NoError(t, err)
	assert.Empty(t, r.insns)
	_, err = walk(asm.Instructions{asm.Mov.Imm(asm.R0, 0)}, nil, nil, nil)
	assert.NoError(t, err, "falling off the end is the verifier's business")
}
