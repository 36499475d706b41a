// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"io"

	"github.com/ebpfreceiver/ebpfreceiver/internal/compat"
)

func needs(_ context.Context, args []string, stdout, _ io.Writer) (int, error) {
	f := flags("needs")
	output := f.String("output", "text", "")
	var programs []string
	f.Func("program", "", func(name string) error {
		programs = append(programs, name)
		return nil
	})
	operands, err := parse(f, args)
	if err != nil {
		return 0, err
	}
	if len(operands) != 1 {
		return 0, errors.New("needs takes one BPF object")
	}
	if err := oneOf(*output); err != nil {
		return 0, err
	}
	spec, err := readObject(operands[0])
	if err != nil {
		return 0, err
	}
	list, err := compat.Needs(spec, programs)
	if err != nil {
		return 0, err
	}
	if *output == "json" {
		return exitFine, encode(stdout, list)
	}
	return exitFine, compat.WriteNeeds(stdout, list)
}
