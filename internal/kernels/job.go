// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package kernels

// Job is what a guest is told to do. It is written to /job.json in JSON.
type Job struct {
	// Modules are files to load into the kernel, in order.
	Modules []string `json:"modules"`
	Runs    []Run    `json:"runs"`
	// Patient lets a task run on until it waits for something, or for long.
	//
	// A program that is preempted is skipped on that processor until it goes on
	// (bpf_prog_get_recursion_context): one on BTF where the kernel preempts, as
	// Debian's does from 6.18 (CONFIG_PREEMPT_LAZY), and from 7.0 also one on a tracepoint
	// (kernel commit a46023d5616e). Emulated processors are slow, so that this would
	// happen up to hundreds of times in a test.
	Patient bool `json:"patient"`
}

// Run is one test binary.
type Run struct {
	Name string   `json:"name"`
	Path string   `json:"path"`
	Dir  string   `json:"dir"`
	Args []string `json:"args"`
}

// The lines that the guest writes on the console, besides what tests print.
const (
	// LineOutput begins a line that a run printed: its number and the line follow.
	LineOutput = "@out "
	// LineExit begins a line with a run's number and its exit code.
	LineExit = "@exit "
	// LineDone is the last one.
	LineDone = "@done"
)

// InGuest is set in the environment of what runs in a guest: programs are ten
// times slower there, and what does not depend on the kernel need not run.
const InGuest = "EBPFRECEIVER_GUEST"

// Extra is the folder of a guest with the files that were made for it ([Binary.Extra]).
const Extra = "/extra"
