// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package golang

import (
	"errors"
	"fmt"
	"os"

	"github.com/ebpfreceiver/ebpfreceiver/internal/uprobe"
)

// binary is what is known of one Go executable.
type binary struct {
	version string
	curg    uint32
	hooks   []hook
	starts  []hook // only for a program that asks for them: they cost most
}

// hook is a program of the object and where to attach it.
type hook struct {
	program string
	points  []uprobe.Point
}

// The functions by name. A program that has not net/http lacks some.
const (
	newproc   = "runtime.newproc.func1" // runs on the scheduler's stack
	runqput   = "runtime.runqput"
	roundTrip = "net/http.(*persistConn).roundTrip"
	write     = "net/http.(*Request).write"
)

var errNotGo = errors.New("it is no Go program")

// examine finds where to attach.
func examine(open *os.File, k uprobe.Kernel) (*binary, error) {
	f, err := uprobe.NewFile(open)
	if err != nil || f.BuildInfo() == nil {
		return nil, errNotGo
	}
	b := &binary{version: f.GoVersion()}
	if b.curg, err = curgOf(f); err != nil {
		return nil, err
	}
	fns, err := f.Funcs(newproc, runqput, roundTrip, write)
	if err != nil {
		return nil, err
	}
	calls, err := f.Calls(fns[newproc], fns[runqput], k)
	if err != nil {
		return nil, err
	}
	if len(calls) != 1 {
		return nil, fmt.Errorf("%s calls %s %d times, not once", newproc, runqput, len(calls))
	}
	b.starts = []hook{{"go_start", calls}}
	hand, ok1 := fns[roundTrip]
	take, ok2 := fns[write]
	if !ok1 || !ok2 {
		return b, nil
	}
	for _, h := range []struct {
		program string
		fn      uprobe.Func
		args    int
	}{{"go_hand", hand, 2}, {"go_take", take, 1}} {
		p, err := f.Entry(h.fn, uprobe.Want{ABI: uprobe.Go, Args: h.args}, k)
		if err != nil {
			return nil, err
		}
		b.hooks = append(b.hooks, hook{h.program, []uprobe.Point{p}})
	}
	return b, nil
}
