// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package uprobe

import (
	"fmt"
)

// homeAt is where the caller of a Go function leaves room for its first argument, from the
// stack pointer at the entry: there is the return address on amd64, the link register's room
// on arm64 (Go's abi-internal.md, "stack layout").
const homeAt = 8

// Home is how far above the stack pointer a Go function has its first argument once its
// prologue is over. Functions that need it again behind a call keep it in the room that the
// ABI has for that.
//
// Returns an error when the frame's size is not known, or the argument is not stored there.
func (f *File) Home(fn Func, k Kernel) (int, error) { return f.home(fn, 0, k) }

// Kept is how far above the stack pointer of a Go function's caller, when the function has come back, the
// room of its argument number n is, counted from 0 in registers, if it keeps it there. Nothing else is
// written to that until the caller calls again.
//
// Returns an error as [File.Home] does.
func (f *File) Kept(fn Func, n int, k Kernel) (int, error) {
	if _, err := f.home(fn, n, k); err != nil {
		return 0, err
	}
	return homeAt + 8*n - f.arch.pushed(), nil
}

// home is Home of any argument.
func (f *File) home(fn Func, n int, k Kernel) (int, error) {
	code, err := f.code(fn)
	if err != nil {
		return 0, err
	}
	frame, at := 0, 0
	for range maxWalk {
		in := f.arch.decode(code[at:], fn.Addr+uint64(at), k)
		if in.size == 0 || in.stack == unknownStack {
			return 0, fmt.Errorf("the frame of %s has a size that is not known", fn.Name)
		}
		if in.flow != next && (in.flow != branch || !f.growsStack(fn, code, in.target, k)) {
			break
		}
		frame += in.stack
		at += in.size
	}
	home := frame + homeAt + 8*n
	for at = 0; at < len(code); {
		in := f.arch.decode(code[at:], fn.Addr+uint64(at), k)
		if in.size == 0 {
			at += f.arch.quantum()
			continue
		}
		for _, s := range f.arch.stores(code[at:]) {
			if s.reg == f.arch.result(n) && s.at == home && s.size == 8 {
				return home, nil
			}
		}
		at += in.size
	}
	return 0, fmt.Errorf("%s does not keep its argument %d at %#x above its stack pointer", fn.Name, n+1, home)
}
