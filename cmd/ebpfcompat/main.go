// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Command ebpfcompat tells which probes work on a kernel and why the others do
// not: on the running kernel, on a stored one, or as the difference that an
// update would make. It needs no privileges for stored kernels and loads
// nothing there.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
)

// The exit codes. They are part of the command's interface.
const (
	exitFine        = 0
	exitDegraded    = 1 // diff: something gets worse
	exitUnsupported = 2
	exitBadInput    = 3
)

const usage = `Usage:
  ebpfcompat check  [--kernel FILE|DIR | --btf FILE|DIR] [--object FILE] [--lockdown MODE,...] [--output text|json]
  ebpfcompat diff   [--object FILE] [--output text|json] OLD NEW
  ebpfcompat needs  [--output text|json] [--program NAME] OBJECT
  ebpfcompat describe OBJECT
  ebpfcompat matrix [--object FILE] [--lockdown MODE,...] [--booted RELEASE,...] DIR...

  check     which variant of each probe runs on a kernel, what it cannot see, and why no better one runs
  diff      what the update of a kernel would change, and the function, field or signature behind it
  needs     what an object needs of a kernel, by how stable the kernel keeps it
  describe  what is in a BPF object, and a section of the receiver's configuration to start from
  matrix    probes by kernels, as Markdown

A kernel is a vmlinuz or vmlinux of any compression, a BTF file, or a directory of one kernel. check and matrix
take directories of many, too, as BTFHub's archive. Without --kernel or --btf, check asks the running kernel.

  --object FILE         check the programs of this BPF object; without it, all shipped probes
  --program NAME        list the needs of this program only; may be repeated
  --lockdown MODE,...   as if stored kernels had been booted with lockdown=none, integrity or confidentiality
  --booted RELEASE,...  the kernels of which the matrix says that they were booted
  --output text|json

Exit status: 0 all is well; 1 degraded (diff: something gets worse); 2 unsupported; 3 bad input.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// command runs a subcommand and gives its exit code.
type command func(ctx context.Context, args []string, stdout, stderr io.Writer) (int, error)

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	commands := map[string]command{"check": check, "diff": diff, "needs": needs, "describe": describeObject, "matrix": matrix}
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return exitBadInput
	}
	if args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		fmt.Fprint(stdout, usage)
		return exitFine
	}
	cmd, ok := commands[args[0]]
	if !ok {
		fmt.Fprintf(stderr, "ebpfcompat: unknown command %q\n%s", args[0], usage)
		return exitBadInput
	}
	code, err := cmd(ctx, args[1:], stdout, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		return exitFine
	case err != nil:
		fmt.Fprintf(stderr, "ebpfcompat: %v\n", err)
		return exitBadInput
	}
	return code
}

// flags makes a flag set that prints nothing by itself.
func flags(name string) *flag.FlagSet {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.SetOutput(io.Discard)
	return f
}

// parse gives the operands. Flags may stand before, between and after them, and end at "--".
func parse(f *flag.FlagSet, args []string) ([]string, error) {
	var operands []string
	for {
		if err := f.Parse(args); err != nil {
			return nil, err
		}
		rest := f.Args()
		if len(rest) == 0 {
			return operands, nil
		}
		if at := len(args) - len(rest); at > 0 && args[at-1] == "--" {
			return append(operands, rest...), nil
		}
		operands, args = append(operands, rest[0]), rest[1:]
	}
}

// oneOf checks the value of --output.
func oneOf(output string) error {
	if output != "text" && output != "json" {
		return fmt.Errorf("--output must be text or json, not %q", output)
	}
	return nil
}
