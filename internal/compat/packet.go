// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package compat

import (
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// packetPointers gives the offsets, in the context of a type of programs, of pointers into
// a packet: "data" and "data_meta" of __sk_buff and xdp_md, "data" of sk_msg_md
// (include/uapi/linux/bpf.h).
func packetPointers(t ebpf.ProgramType) []int64 {
	switch t {
	case ebpf.XDP:
		return []int64{0, 8}
	case ebpf.SchedCLS, ebpf.SchedACT, ebpf.CGroupSKB, ebpf.SkSKB, ebpf.LWTIn, ebpf.LWTOut, ebpf.LWTXmit:
		return []int64{76, 140}
	case ebpf.SkMsg:
		return []int64{0}
	default:
		return nil
	}
}

// mark notes whether a register may point into a packet.
func (s *state) mark(r asm.Register, packet bool) {
	s.packet &^= 1 << r
	if packet {
		s.packet |= 1 << r
	}
}

func (s *state) marked(r asm.Register) bool { return s.packet&(1<<r) != 0 }

func (s *state) markALU(ins *asm.Instruction) {
	operand := ins.OpCode.Source() == asm.RegSource && s.marked(ins.Src)
	if ins.OpCode.ALUOp() == asm.Mov {
		s.mark(ins.Dst, operand)
		return
	}
	s.mark(ins.Dst, operand || s.marked(ins.Dst))
}

// loadsPacket tells whether a load may yield a pointer into a packet. What is in a packet
// is none.
func (w *walker) loadsPacket(ins *asm.Instruction, s *state) bool {
	switch base := s.regs[ins.Src]; {
	case base.kind == contextPointer:
		return slices.Contains(w.packets, base.n+int64(ins.Offset))
	case base.kind == stack || base.kind == someStack || base.kind == unknown || base.kind == nonNull:
		// Of the memory of a caller nothing is known here but that.
		return s.spilled
	}
	return false
}

// noteStore records stores to the context and to packets.
func (w *walker) noteStore(ins *asm.Instruction, s *state) {
	base := s.regs[ins.Dst]
	switch {
	case base.onStack():
		if ins.OpCode.Class() == asm.StXClass && s.marked(ins.Src) {
			s.spilled = true
		}
	case base.kind == contextPointer, s.marked(ins.Dst):
		w.result.writes = true
	}
}
