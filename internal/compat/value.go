// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package compat

import "slices"

// kind says what is known of a register or a stack slot.
type kind uint8

const (
	unknown        kind = iota
	constant            // n is the value
	nonNull             // a pointer that is not zero
	stack               // a pointer into the own stack frame; n is the offset from R10
	someStack           // a pointer to somewhere in the own stack frame
	contextPointer      // the program's context; n is the offset
	argument            // the value of the hook's argument n
	memory              // a pointer into mem, which is constant for the verifier; n is the offset
)

// value is what is known of a register or a stack slot. It is comparable.
type value struct {
	kind kind
	n    int64
	mem  *frozen
	// from is one more than the instruction that loaded a field's offset, zero
	// for all other constants.
	from int
}

// frozen is memory that the verifier takes for constant: a read-only data
// section or the kernel's configuration.
type frozen struct {
	read func(offset int64, size int) (uint64, bool)
}

func constOf(v uint64) value { return value{kind: constant, n: int64(v)} }

// join gives what is known when either a or b may be the case.
func (a value) join(b value) value {
	switch {
	case a == b:
		return a
	case a.onStack() && b.onStack():
		return value{kind: someStack}
	case a.isNonNull() && b.isNonNull():
		return value{kind: nonNull}
	default:
		return value{}
	}
}

func (a value) onStack() bool { return a.kind == stack || a.kind == someStack }

// isNonNull tells that a comparison with zero is decided.
func (a value) isNonNull() bool {
	switch a.kind {
	case nonNull, stack, someStack, contextPointer, memory:
		return true
	case constant:
		return a.n != 0
	default:
		return false
	}
}

// slot is a value that was stored to the stack.
type slot struct {
	offset int64 // from R10, negative
	size   int64 // bytes
	value  value
}

// state is what is known before an instruction. Its stack is never modified in
// place.
type state struct {
	// Sixteen, because a broken object may name any register that four bits can.
	regs  [16]value
	stack []slot // by offset, not overlapping
	// packet has a bit for each register that may point into the packet that the program
	// is called for; spilled tells that such a pointer may be on the stack.
	packet  uint16
	spilled bool
}

// join adds another way by which the instruction can be reached, and tells
// whether less is known now.
func (s *state) join(o *state) (changed bool) {
	for i := range s.regs {
		if j := s.regs[i].join(o.regs[i]); j != s.regs[i] {
			s.regs[i], changed = j, true
		}
	}
	kept := s.stack[:0:0]
	for _, a := range s.stack {
		for _, b := range o.stack {
			if a.offset == b.offset && a.size == b.size && a.value.join(b.value) == a.value {
				kept = append(kept, a)
				break
			}
		}
	}
	if len(kept) != len(s.stack) {
		s.stack, changed = kept, true
	}
	if packet, spilled := s.packet|o.packet, s.spilled || o.spilled; packet != s.packet || spilled != s.spilled {
		s.packet, s.spilled, changed = packet, spilled, true
	}
	return changed
}

// store remembers a value on the stack and forgets what it overlaps.
func (s *state) store(offset, size int64, v value) {
	kept := slices.Clone(s.stack)
	kept = slices.DeleteFunc(kept, func(o slot) bool {
		return o.offset < offset+size && offset < o.offset+o.size
	})
	if v.kind != unknown {
		kept = append(kept, slot{offset, size, v})
		slices.SortFunc(kept, func(a, b slot) int { return int(a.offset - b.offset) })
	}
	s.stack = kept
}

// load finds a value on the stack.
func (s *state) load(offset, size int64) value {
	for _, o := range s.stack {
		if o.offset == offset && o.size == size {
			return o.value
		}
	}
	return value{}
}

// clobber forgets what may be written through a pointer that is given away: the
// memory from there up. A pointer to an object does not reach below it.
func (s *state) clobber(v value) {
	switch v.kind {
	case stack:
		s.stack = slices.DeleteFunc(slices.Clone(s.stack), func(o slot) bool { return o.offset+o.size > v.n })
	case someStack:
		s.stack = nil
	}
}
