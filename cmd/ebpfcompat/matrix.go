// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/ebpfreceiver/ebpfreceiver/internal/compat"
)

func matrix(ctx context.Context, args []string, stdout, stderr io.Writer) (int, error) {
	f := flags("matrix")
	object := f.String("object", "", "")
	lockdown := f.String("lockdown", "", "")
	booted := f.String("booted", "", "")
	operands, err := parse(f, args)
	if err != nil {
		return 0, err
	}
	if len(operands) == 0 {
		return 0, errors.New("matrix takes directories of kernels")
	}
	assume, err := modes(*lockdown)
	if err != nil {
		return 0, err
	}
	set, err := prepare(*object)
	if err != nil {
		return 0, err
	}
	outcomes, err := resolveStored(ctx, set, operands, assume, stderr)
	if err != nil {
		return 0, err
	}
	m := compat.Matrix{Outcomes: outcomes, Booted: make(map[string]bool)}
	for release := range strings.SplitSeq(*booted, ",") {
		m.Booted[release] = true
	}
	return exitFine, m.WriteMarkdown(stdout)
}
