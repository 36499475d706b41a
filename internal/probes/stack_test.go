// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package probes

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf/asm"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// maxStack is what the functions of a program that call each other have together, in bytes:
// MAX_BPF_STACK in include/linux/filter.h.
const maxStack = 512

// TestStacks: the stacks of the functions that call each other fit on any kernel. Each is rounded
// up to 32 bytes before 6.10 (kernel/bpf/verifier.c, check_max_stack_depth), and newer kernels,
// where tracing programs have stacks of their own, do not show it.
func TestStacks(t *testing.T) {
	deepest := 0
	for _, f := range All() {
		for _, v := range f.Manifest.Variants {
			spec, err := v.Whole()
			require.NoError(t, err)
			for name, p := range spec.Programs {
				if len(v.Programs) > 0 && !slices.Contains(v.Programs, name) {
					continue
				}
				funcs := framesOf(p.Instructions)
				require.NotEmpty(t, funcs)
				depth, path := funcs.deepest(p.Instructions[0].Symbol(), nil)
				deepest = max(deepest, depth)
				assert.LessOrEqual(t, depth, maxStack, "%s, %s, %s: %s", f.Manifest.Name, v.Name, name, strings.Join(path, " calls "))
			}
		}
	}
	assert.Greater(t, deepest, maxStack/2, "it measures something")
}

// frame is what a function has on the stack, and whom it calls.
type frame struct {
	bytes int
	calls []string
}

type frames map[string]*frame

// framesOf reads the functions of a linked program.
func framesOf(all asm.Instructions) frames {
	funcs := frames{}
	var f *frame
	fromStack := map[asm.Register]bool{} // registers that were set to the stack's end just before
	for i := range all {
		ins := &all[i]
		if s := ins.Symbol(); s != "" {
			f = &frame{}
			funcs[s] = f
			clear(fromStack)
		}
		if ins.IsFunctionReference() {
			f.calls = append(f.calls, ins.Reference())
		}
		class, offset := ins.OpCode.Class(), 0
		switch {
		case class.IsLoad() && ins.Src == asm.RFP, class.IsStore() && ins.Dst == asm.RFP:
			offset = int(ins.Offset)
		case ins.OpCode == asm.Mov.Op(asm.RegSource) && ins.Src == asm.RFP:
			fromStack[ins.Dst] = true
			continue
		case ins.OpCode == asm.Add.Op(asm.ImmSource) && fromStack[ins.Dst]:
			offset = int(ins.Constant)
		}
		if class.IsALU() || class.IsLoad() {
			delete(fromStack, ins.Dst)
		}
		f.bytes = max(f.bytes, -offset)
	}
	return funcs
}

// deepest is the most that a function and those that it calls have, in bytes, and by which.
func (f frames) deepest(name string, above []string) (int, []string) {
	fn := f[name]
	own := (max(fn.bytes, 1) + 31) / 32 * 32
	path := append(append([]string(nil), above...), fmt.Sprintf("%s (%d)", name, fn.bytes))
	most, by := own, path
	for _, called := range fn.calls {
		if n, p := f.deepest(called, path); own+n > most {
			most, by = own+n, p
		}
	}
	return most, by
}
