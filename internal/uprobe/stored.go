// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package uprobe

import (
	"debug/gosym"
	"fmt"
)

// store is what an instruction writes to a known place above the stack pointer.
type store struct {
	reg      int // whose value it is, negative for anything else
	at, size int
}

// FirstStored finds, behind the direct call of callee that stands first in the source of the Go function
// fn, the first instruction that the kernel emulates when these of its results, numbers of registers from
// 0, have been stored in one piece on the stack. room is how far above the stack pointer the first result is
// there, or would be: from it each register has 8 bytes.
//
// Returns an error when there is no such place, or the lines of the source do not tell which call is first.
func (f *File) FirstStored(fn, callee Func, results []int, k Kernel) (p Point, room int, err error) {
	code, err := f.code(fn)
	if err != nil {
		return Point{}, 0, err
	}
	first, behind, unsure := 0, 0, true
	f.scan(fn, code, k, func(in *inst) {
		if in.flow != call || !callee.at(in.target) || behind < 0 {
			return
		}
		switch line := f.line(in.addr); {
		case line == 0:
			behind, unsure = -1, true // it may be the first
		case line == first:
			unsure = true
		case first == 0 || line < first:
			first, unsure = line, false
			behind = int(in.addr-fn.Addr) + in.size //nolint:gosec // within a function
		}
	})
	if unsure {
		return Point{}, 0, fmt.Errorf("%s does not call %s, or its lines do not tell where first", fn.Name, callee.Name)
	}
	p, room, ok := f.stored(fn, code, behind, results, k)
	if !ok {
		return Point{}, 0, fmt.Errorf("%s does not store what %s returns, or not where the kernel emulates an instruction", fn.Name, callee.Name)
	}
	return p, room, nil
}

func (f *File) stored(fn Func, code []byte, at int, results []int, k Kernel) (Point, int, bool) {
	rooms := map[int]int{} // where the room begins by each result that is stored
	var overwritten regs
	for range maxWalk {
		in := f.arch.decode(code[at:], fn.Addr+uint64(at), k)
		if in.size == 0 {
			break
		}
		if room, ok := inOne(rooms, results); ok && in.emulated {
			return Point{
				Func: fn.Name, Addr: in.addr, Offset: fn.Offset + uint64(at), Inst: in.text, Stack: unknownStack,
			}, room, true
		}
		if in.flow != next || in.stack != 0 {
			break
		}
		for _, s := range f.arch.stores(code[at:]) {
			for n, room := range rooms {
				if s.at < room+8*n+8 && room+8*n < s.at+s.size {
					delete(rooms, n)
				}
			}
			for _, n := range results {
				if r := f.arch.result(n); r >= 0 && r == s.reg && s.size == 8 && overwritten&(1<<r) == 0 {
					rooms[n] = s.at - 8*n
				}
			}
		}
		overwritten |= in.writes
		at += in.size
	}
	return Point{}, 0, false
}

// inOne tells whether all results are there, with one beginning.
func inOne(rooms map[int]int, results []int) (room int, ok bool) {
	for i, n := range results {
		at, ok := rooms[n]
		if !ok || i > 0 && at != room {
			return 0, false
		}
		room = at
	}
	return room, len(results) > 0
}

// line is that of an address in a Go function.
func (f *File) line(addr uint64) int {
	f.linesOnce.Do(func() {
		if s := f.gopclntabSection(); s != nil {
			if data, err := s.Data(); err == nil {
				f.lines = gosym.NewLineTable(data, f.goText(s.Addr))
			}
		}
	})
	if f.lines == nil {
		return 0
	}
	return f.lines.PCToLine(addr) //nolint:staticcheck // a gosym.Table would make a Func of each function of the program
}
