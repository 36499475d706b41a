// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package uprobe

// regs is a set of integer registers, by the number that the architecture's encoding gives them.
type regs uint32

// flow is where control goes from an instruction.
type flow uint8

const (
	next   flow = iota // to the one behind it
	branch             // to there, or to its target
	jump               // to its target
	call               // to its target, and comes back
	ret                // to the caller
	lost               // nobody knows: an indirect jump, a trap, an instruction that is not judged
)

// inst is what matters here of one instruction.
type inst struct {
	addr uint64
	size int // in bytes; 0 when it cannot be decoded
	text string
	// emulated tells that the kernel does not single-step it.
	emulated bool
	// writes are the registers that it may change.
	writes regs
	// stack is by how many bytes it moves the stack pointer down, or unknownStack.
	stack int
	// returns tells that it saves, signs or changes the return address.
	returns bool
	flow    flow
	// target is the address that it branches to, 0 when not known.
	target uint64
}

const unknownStack = -1 << 31

// arch is one instruction set.
type arch interface {
	name() string
	// quantum is how far to go on behind bytes that cannot be decoded.
	quantum() int
	// decode judges the first instruction of code, which lies at addr.
	decode(code []byte, addr uint64, k Kernel) inst
	// arguments are the registers that hold what is wanted. It returns an error when there are
	// not so many for arguments.
	arguments(w Want) (regs, error)
	// results are the registers of the first n results.
	results(abi ABI, n int) (regs, error)
	// stores are what an instruction writes at a known distance above the stack pointer.
	stores(code []byte) []store
	// result is the register of a Go function's argument or result number n, from 0, or negative.
	result(n int) int
	// pushed is by how many bytes a call moves the stack pointer down.
	pushed() int
}
