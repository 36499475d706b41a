// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package compat

import (
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEffects(t *testing.T) {
	exit := func(n int32) asm.Instructions {
		return asm.Instructions{asm.Mov.Imm(asm.R0, n), asm.Return()}
	}
	either := asm.Instructions{
		asm.FnKtimeGetNs.Call(),
		asm.JEq.Imm(asm.R0, 0, "zero"),
		asm.Mov.Imm(asm.R0, -1),
		asm.Return(),
		asm.Mov.Imm(asm.R0, 0).WithSymbol("zero"),
		asm.Return(),
	}
	// What a program does with the pointer "data" of its context, offset 76 or 0.
	store := func(offset int16, size asm.Size) asm.Instructions {
		return append(asm.Instructions{
			asm.LoadMem(asm.R2, asm.R1, offset, size),
			asm.StoreMem(asm.RFP, -8, asm.R2, asm.DWord),
			asm.LoadMem(asm.R3, asm.RFP, -8, asm.DWord),
			asm.Add.Imm(asm.R3, 14),
			asm.StoreImm(asm.R3, 0, 1, asm.Byte),
		}, exit(2)...)
	}
	for _, tt := range []struct {
		name   string
		typ    ebpf.ProgramType
		attach ebpf.AttachType
		insns  asm.Instructions
		want   Effects
	}{
		{"tracing", ebpf.RawTracepoint, 0, either, Effects{}},
		{"lsm observes", ebpf.LSM, ebpf.AttachLSMMac, exit(0), Effects{}},
		{"lsm denies", ebpf.LSM, ebpf.AttachLSMMac, exit(-1), Effects{Enforces: "it returns -1, and so denies; 0 observes only"}},
		{"lsm may deny", ebpf.LSM, ebpf.AttachLSMMac, either, Effects{Enforces: "it may return other values than 0, and so denies"}},
		{"xdp passes", ebpf.XDP, ebpf.AttachXDP, exit(2), Effects{}},
		{"xdp drops", ebpf.XDP, ebpf.AttachXDP, exit(1), Effects{Enforces: "it returns 1, and so drops or diverts packets; 2 observes only"}},
		{"xdp writes", ebpf.XDP, ebpf.AttachXDP, store(0, asm.Word), Effects{Changes: []string{"stores to the packet or to what is known of it"}}},
		{"xdp stores a length", ebpf.XDP, ebpf.AttachXDP, append(asm.Instructions{
			asm.LoadMem(asm.R2, asm.R1, 0, asm.Word),
			asm.LoadMem(asm.R2, asm.R2, 0, asm.Byte),
			asm.StoreMem(asm.RFP, -8, asm.R2, asm.DWord),
		}, exit(2)...), Effects{}},
		{"tcx next", ebpf.SchedCLS, ebpf.AttachTCXIngress, exit(-1), Effects{}},
		{"cgroup passes", ebpf.CGroupSKB, ebpf.AttachCGroupInetEgress, exit(1), Effects{}},
		{"sockops writes", ebpf.SockOps, ebpf.AttachCGroupSockOps, append(asm.Instructions{asm.StoreImm(asm.R1, 4, 1, asm.Word)}, exit(1)...),
			Effects{Changes: []string{"stores to its context"}}},
		{"fmod_ret", ebpf.Tracing, ebpf.AttachModifyReturn, exit(0), Effects{Enforces: "it is called in place of a function of the kernel and decides what that returns"}},
		{"helpers", ebpf.Kprobe, 0, asm.Instructions{
			asm.FnSendSignal.Call(), asm.FnProbeWriteUser.Call(), asm.FnOverrideReturn.Call(), asm.FnTracePrintk.Call(), asm.Mov.Imm(asm.R0, 0), asm.Return(),
		}, Effects{Changes: []string{"bpf_override_return", "bpf_probe_write_user", "bpf_send_signal"}}},
		{"redirects", ebpf.SchedCLS, ebpf.AttachTCXIngress, append(asm.Instructions{asm.FnRedirect.Call(), asm.FnCloneRedirect.Call()}, exit(-1)...),
			Effects{Changes: []string{"bpf_clone_redirect", "bpf_redirect"}}},
		{"redirects messages", ebpf.SkMsg, ebpf.AttachSkMsgVerdict, append(asm.Instructions{asm.FnMsgRedirectHash.Call()}, exit(1)...),
			Effects{Changes: []string{"bpf_msg_redirect_hash"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			found, err := EffectsOf(&ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{
				"p": {Name: "p", Type: tt.typ, AttachType: tt.attach, Instructions: tt.insns},
			}}, nil)
			require.NoError(t, err)
			assert.Equal(t, tt.want, found["p"])
		})
	}
}
