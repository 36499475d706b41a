// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package main

import (
	"context"
	"errors"
	"io"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/object"
)

func describeObject(_ context.Context, args []string, stdout, _ io.Writer) (int, error) {
	f := flags("describe")
	operands, err := parse(f, args)
	if err != nil {
		return 0, err
	}
	if len(operands) != 1 {
		return 0, errors.New("describe takes one BPF object")
	}
	return exitFine, object.Describe(stdout, operands[0])
}
