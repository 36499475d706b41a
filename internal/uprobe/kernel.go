// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package uprobe

import "github.com/cilium/ebpf/btf"

// Kernel is what one kernel emulates beyond what all do that the receiver supports. The zero
// value is the oldest.
type Kernel struct {
	// AllNops: all forms of nop on amd64, not only the one of one byte (x86 code of 6.18).
	AllNops bool
	// NopARM64: nop on arm64 (commit ac4ad5c09b34, in 6.13).
	NopARM64 bool
}

// KernelOf asks the types of a kernel.
func KernelOf(types *btf.Spec) Kernel {
	has := func(name string) bool {
		var fn *btf.Func
		return types.TypeByName(name, &fn) == nil
	}
	// The commits that taught amd64 all nops have no function of their own that is sure to be
	// in BTF; they came in one release with the one that rewrites a nop of five bytes.
	return Kernel{AllNops: has("arch_uprobe_optimize"), NopARM64: has("simulate_nop")}
}
