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
	if err := f.Parse(args); err != nil {
		return 0, err
	}
	if f.NArg() != 1 {
		return 0, errors.New("describe takes one BPF object")
	}
	return exitFine, object.Describe(stdout, f.Arg(0))
}
