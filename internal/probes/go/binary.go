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
	// noRoutes says why the routes of requests are not known, in a program that may have some.
	noRoutes error
	// noStreams and noCalls say why what servers of HTTP/2 call, and calls of gRPC, have no parents.
	noStreams, noCalls error
	// noRouters says why the routes that routers of others choose are not known.
	noRouters []error
}

// hook is a program of the object and where to attach it.
type hook struct {
	program string
	points  []uprobe.Point
	cookie  uint64
}

// parents tells that it is for the parents of spans alone.
func (h hook) parents() bool {
	switch h.program {
	case "go_hand", "go_take", "go_grpc_hand", "go_grpc_take", "go_grpc_take_old": // of clients
		return true
	}
	return false
}

// The functions by name. A program that has not net/http lacks some.
const (
	newproc   = "runtime.newproc.func1" // runs on the scheduler's stack
	runqput   = "runtime.runqput"
	roundTrip = "net/http.(*persistConn).roundTrip"
	write     = "net/http.(*Request).write"
	serveMux  = "net/http.(*ServeMux).ServeHTTP"
	findRoute = "net/http.(*ServeMux).findHandler"
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
	fns, err := f.Funcs(functions()...)
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
	b.starts = []hook{{"go_start", calls, 0}}
	if route, ok := fns[serveMux]; ok {
		points, err := routes(f, route, fns, k)
		if err != nil {
			b.noRoutes = err
		} else {
			b.hooks = append(b.hooks, hook{"go_route", points, 0})
		}
	}
	b.routers(f, fns, k)
	hand, ok1 := fns[roundTrip]
	take, ok2 := fns[write]
	if ok1 && ok2 {
		if err := b.enter(f, k, entry{"go_hand", hand, 2}, entry{"go_take", take, 1}); err != nil {
			return nil, err
		}
	}
	if err := b.streams(f, fns, k); err != nil {
		b.noStreams = err
	}
	if err := b.grpc(f, fns, k); err != nil {
		b.noCalls = err
	}
	return b, nil
}

// entry is a program at a function's entry, and how many registers of arguments it needs there.
type entry struct {
	program string
	fn      uprobe.Func
	args    int
}

// enter adds all of them or none.
func (b *binary) enter(f *uprobe.File, k uprobe.Kernel, entries ...entry) error {
	var hooks []hook
	for _, e := range entries {
		p, err := f.Entry(e.fn, uprobe.Want{ABI: uprobe.Go, Args: e.args}, k)
		if err != nil {
			return err
		}
		hooks = append(hooks, hook{e.program, []uprobe.Point{p}, 0})
	}
	b.hooks = append(b.hooks, hooks...)
	return nil
}

// routed is the first minor version of Go whose net/http.ServeMux has patterns.
const routed = 22

// found are the registers of what findHandler returns, up to the pattern: a Handler, a string, a
// *pattern.
const found = 5

// routes finds where a ServeMux has chosen a pattern.
func routes(f *uprobe.File, serve uprobe.Func, fns map[string]uprobe.Func, k uprobe.Kernel) ([]uprobe.Point, error) {
	if minor, ok := minorOf(f.GoVersion()); !ok || minor < routed {
		return nil, fmt.Errorf("it was built with %s, and a ServeMux has patterns since Go 1.%d", f.GoVersion(), routed)
	}
	find, ok := fns[findRoute]
	if !ok {
		return nil, fmt.Errorf("it has no %s", findRoute)
	}
	points, err := f.After(serve, find, uprobe.Go, found, k)
	if err != nil {
		return nil, err
	}
	if len(points) != 1 {
		return nil, fmt.Errorf("%s calls %s %d times, not once", serveMux, findRoute, len(points))
	}
	if points[0].Slow {
		return nil, fmt.Errorf("this kernel cannot emulate an instruction behind the choice: %s", points[0])
	}
	return points, nil
}
