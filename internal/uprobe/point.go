// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package uprobe

import (
	"errors"
	"fmt"
	"slices"
)

// ABI is where a function finds its arguments.
type ABI uint8

const (
	// C is the System V ABI of amd64, or AAPCS64.
	C ABI = iota
	// Go is ABIInternal: Go from 1.17 on amd64 and from 1.18 on arm64. The current
	// goroutine's register (R14, R28) counts as an argument that is always wanted.
	Go
)

// Want is what a program reads where it is put.
type Want struct {
	ABI ABI
	// Args is how many integer arguments must be in their registers, counted as registers:
	// a Go string has two.
	Args int
}

// Point is a place for a uprobe.
type Point struct {
	// Func is the function that it is in.
	Func string
	// Addr is the instruction's address, Offset its offset in the file.
	Addr, Offset uint64
	// Inst is the instruction, to show to people.
	Inst string
	// Slow tells that the kernel single-steps it.
	Slow bool
	// Return tells that it is for a uretprobe.
	Return bool
	// Stack is by how many bytes the stack pointer has moved down since the function's
	// entry: what the function finds on the stack is that much further up. It is negative
	// when not known.
	Stack int
	// Repeats tells that a branch inside the function leads back to the place or in front of
	// it, so that one call can hit it more than once. In a Go function with nothing better
	// behind its stack check the place is the last branch of that check. It is hit with the
	// branch about to be taken, which the flags tell, when the stack has to grow or the
	// goroutine to yield, and then again; go_yields of bpf/include/go.h knows.
	Repeats bool
	// checked tells that it is behind a Go function's stack check.
	checked bool
}

// String is as in "SSL_read at 0x35446 (js 0x35477)", with the offset in the file.
func (p Point) String() string { return fmt.Sprintf("%s at %#x (%s)", p.Func, p.Offset, p.Inst) }

// ErrGoReturn is returned where a uretprobe is asked for in a Go function.
var ErrGoReturn = errors.New("a uretprobe would crash a Go program when it moves its stack")

// maxWalk bounds how far from its start a place is looked for, in instructions.
const maxWalk = 64

// Entry picks a place that each call of fn passes, with what w asks for. When there is none
// that the kernel emulates, the Point is that of the first instruction, and Slow.
func (f *File) Entry(fn Func, w Want, k Kernel) (Point, error) {
	return f.pick(fn, w, k, false)
}

// Return picks a place for a uretprobe of fn, which fires when fn returns. The program may
// read results only.
//
// Returns [ErrGoReturn] for a Go function; see [File.Returns].
func (f *File) Return(fn Func, k Kernel) (Point, error) {
	if fn.Go {
		return Point{}, fmt.Errorf("%s: %w", fn.Name, ErrGoReturn)
	}
	return f.pick(fn, Want{}, k, true)
}

func (f *File) pick(fn Func, w Want, k Kernel, ret bool) (Point, error) {
	code, err := f.code(fn)
	if err != nil {
		return Point{}, err
	}
	need, err := f.arch.arguments(w)
	if err != nil {
		return Point{}, err
	}
	p, ok := f.walk(fn, code, 0, need, ret, k)
	if !ok {
		return Point{}, fmt.Errorf("the code of %s cannot be read: its first instruction is not known", fn.Name)
	}
	p.Repeats = f.repeats(fn, code, &p, k)
	return p, nil
}

// walk goes from an offset in the code of fn to the first instruction that is emulated, as
// long as nothing branches and what is needed stays. When there is none it comes back with
// where it started, or false when that is no instruction.
func (f *File) walk(fn Func, code []byte, at int, need regs, ret bool, k Kernel) (Point, bool) {
	first, stack, checked := Point{}, 0, false
	for range maxWalk {
		in := f.arch.decode(code[at:], fn.Addr+uint64(at), k)
		if in.size == 0 {
			break
		}
		p := Point{
			Func: fn.Name, Addr: in.addr, Offset: fn.Offset + uint64(at), Inst: in.text,
			Slow: !in.emulated, Return: ret, Stack: stack, checked: checked,
		}
		if fn.Go && !ret && in.flow == branch && f.growsStack(fn, code, in.target, k) {
			// It comes back to the start, so behind it is the better place.
			first, in.flow, checked = p, next, true
		} else if in.emulated {
			if checked && f.repeats(fn, code, &p, k) {
				break // it is in a loop
			}
			return p, true
		}
		if first.Inst == "" {
			first = p
		}
		// What follows is as good a place only when control always gets there and what is
		// wanted is left alone.
		if in.flow != next || in.writes&need != 0 || (ret && in.returns) {
			break
		}
		if stack += in.stack; in.stack == unknownStack || stack < 0 {
			stack = unknownStack
		}
		at += in.size
	}
	return first, first.Inst != ""
}

// maxGrow bounds the code that calls runtime.morestack, in instructions: it saves and restores
// all registers of arguments.
const maxGrow = 64

// growsStack tells whether the code at addr is what a Go function does when its stack check
// fails: it calls the runtime and jumps to the function's start.
func (f *File) growsStack(fn Func, code []byte, addr uint64, k Kernel) bool {
	if addr <= fn.Addr || addr-fn.Addr >= uint64(len(code)) {
		return false
	}
	called := false
	at := int(addr - fn.Addr)
	for range maxGrow {
		in := f.arch.decode(code[at:], fn.Addr+uint64(at), k)
		switch {
		case in.size == 0:
			return false
		case in.flow == call && !called:
			called = true
		case in.flow == jump:
			return called && in.target == fn.Addr
		case in.flow != next:
			return false
		}
		at += in.size
	}
	return false
}

// repeats tells whether a branch of the function leads to where it runs into p again.
func (f *File) repeats(fn Func, code []byte, p *Point, k Kernel) bool {
	again := false
	f.scan(fn, code, k, func(in *inst) {
		if (in.flow != jump && in.flow != branch) || in.target < fn.Addr || in.target > p.Addr {
			return
		}
		// Behind the stack check nobody comes by who is sent back to the start by it.
		again = again || !p.checked || in.target != fn.Addr
	})
	return again
}

// scan calls do for each instruction of a function, as far as they can be told.
func (f *File) scan(fn Func, code []byte, k Kernel, do func(*inst)) {
	for at := 0; at < len(code); {
		in := f.arch.decode(code[at:], fn.Addr+uint64(at), k)
		if in.size == 0 {
			at += f.arch.quantum()
			continue
		}
		do(&in)
		at += in.size
	}
}

// Calls finds the direct calls of callee in fn: places where callee's arguments are as its
// ABI has them, once per call, if control comes by.
func (f *File) Calls(fn, callee Func, k Kernel) ([]Point, error) {
	return f.sites(fn, k, func(in *inst) bool { return in.flow == call && callee.at(in.target) })
}

// After finds, behind each direct call of callee in fn, the first instruction that the
// kernel emulates while the first results registers hold what callee returned. Where there
// is none it is the instruction behind the call, and Slow. It says nothing of calls by a
// jump.
func (f *File) After(fn, callee Func, abi ABI, results int, k Kernel) ([]Point, error) {
	code, err := f.code(fn)
	if err != nil {
		return nil, err
	}
	need, err := f.arch.results(abi, results)
	if err != nil {
		return nil, err
	}
	var points []Point
	f.scan(fn, code, k, func(in *inst) {
		if in.flow != call || !callee.at(in.target) {
			return
		}
		if p, ok := f.walk(fn, code, int(in.addr-fn.Addr)+in.size, need, false, k); ok {
			p.Stack = unknownStack
			points = append(points, p)
		}
	})
	return points, nil
}

// Callees are the functions that fn calls directly, in the order of its code, each once. Of
// them only the address is known.
func (f *File) Callees(fn Func, k Kernel) ([]Func, error) {
	code, err := f.code(fn)
	if err != nil {
		return nil, err
	}
	var callees []Func
	f.scan(fn, code, k, func(in *inst) {
		if in.flow != call || in.target == 0 || slices.ContainsFunc(callees, func(c Func) bool { return c.Addr == in.target }) {
			return
		}
		if off, ok := f.Offset(in.target); ok {
			callees = append(callees, Func{Name: fmt.Sprintf("%s's callee %#x", fn.Name, in.target), Addr: in.target, Offset: off, Go: fn.Go})
		}
	})
	return callees, nil
}

// Returns finds the return instructions of fn, where results are in their registers. A call
// passes exactly one of them, unless it panics or leaves by a jump to another function.
func (f *File) Returns(fn Func, k Kernel) ([]Point, error) {
	return f.sites(fn, k, func(in *inst) bool { return in.flow == ret })
}

func (f *File) sites(fn Func, k Kernel, is func(*inst) bool) ([]Point, error) {
	code, err := f.code(fn)
	if err != nil {
		return nil, err
	}
	var points []Point
	f.scan(fn, code, k, func(in *inst) {
		if is(in) {
			points = append(points, Point{
				Func: fn.Name, Addr: in.addr, Offset: fn.Offset + in.addr - fn.Addr, Inst: in.text,
				Slow: !in.emulated, Stack: unknownStack,
			})
		}
	})
	return points, nil
}
