// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package uprobe finds the place in a program where a uprobe costs little.
//
// A uprobe costs what its instruction costs. The kernel emulates some (branches and, on
// amd64, push and nop) in about half a microsecond; it single-steps all others in a copy,
// which in a virtual machine is some forty times dearer: two debug exceptions, that is two
// exits to the hypervisor.
//
// So a probe goes not to the first instruction of a function but to the first one that the
// kernel emulates, as long as the program that runs there sees what it would have seen at
// the start: the arguments are still in their registers, and no branch leads around it.
// [File.Entry] picks it. [File.Return] does the same for uretprobes, which also need the
// return address where a call left it. [File.Calls] finds calls of one function in another:
// a direct call is emulated, and at it the callee's arguments are in place. [File.Returns]
// finds a Go function's return instructions: Go moves its stacks, so a uretprobe, which
// writes to the stack, would crash the program.
//
// A [File] is an executable or a shared library. Functions are found in its symbol tables
// or, in a stripped Go program, in the table that Go's runtime itself needs.
//
// Everything but [Attach] is pure: bytes in, places out.
package uprobe
