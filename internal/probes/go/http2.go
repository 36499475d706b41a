// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package golang

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/ebpfreceiver/ebpfreceiver/internal/uprobe"
)

// servers are the types that serve a connection of HTTP/2: net/http's copies of that of x/net, by
// version, and that itself.
var servers = [...]string{
	"net/http.(*http2serverConn)", "net/http/internal/http2.(*serverConn)", "golang.org/x/net/http2.(*serverConn)",
}

// The methods of them.
const (
	readFrames = ".readFrames"
	runHandler = ".runHandler"
)

// The functions of google.golang.org/grpc.
const (
	grpcModule    = "google.golang.org/grpc"
	grpcTransport = grpcModule + "/internal/transport."
	grpcServe     = grpcTransport + "(*http2Server).operateHeaders"
	grpcNewStream = grpcTransport + "(*http2Client).NewStream"
	grpcPut       = grpcTransport + "(*controlBuffer).executeAndPut"
	grpcWrite     = grpcTransport + "(*loopyWriter).clientHeaderHandler"
	grpcWriteOld  = grpcTransport + "(*loopyWriter).originateStream"
)

// functions are all that are looked for.
func functions() []string {
	names := []string{
		newproc, runqput, roundTrip, write, serveMux, findRoute, grpcServe, grpcNewStream, grpcPut, grpcWrite, grpcWriteOld,
	}
	for _, s := range servers {
		names = append(names, s+readFrames, s+runHandler)
	}
	for _, r := range others() {
		names = append(names, r.function)
		if r.calls != "" {
			names = append(names, r.calls)
		}
	}
	return names
}

// streams adds what tells which goroutine serves which request of a connection of HTTP/2.
func (b *binary) streams(f *uprobe.File, fns map[string]uprobe.Func, k uprobe.Kernel) error {
	for _, s := range servers {
		read, ok1 := fns[s+readFrames]
		run, ok2 := fns[s+runHandler]
		if !ok1 || !ok2 {
			continue
		}
		if err := b.enter(f, k, entry{"go_reads", read, 1}, entry{"go_stream", run, 2}); err != nil {
			return err
		}
	}
	return nil
}

// grpcContext is the first minor version of grpc 1 whose operateHeaders has a context.
const grpcContext = 60

// grpc adds the same for servers of gRPC, and what tells for whom a client's call is written.
func (b *binary) grpc(f *uprobe.File, fns map[string]uprobe.Func, k uprobe.Kernel) error {
	var errs []error
	if serve, ok := fns[grpcServe]; ok {
		minor, err := grpcMinor(f)
		switch {
		case err != nil:
			errs = append(errs, err)
		case minor >= grpcContext:
			errs = append(errs, b.enter(f, k, entry{"go_grpc_call_ctx", serve, 4}))
		default:
			errs = append(errs, b.enter(f, k, entry{"go_grpc_call", serve, 2}))
		}
	}
	if call, ok := fns[grpcNewStream]; ok {
		errs = append(errs, b.grpcCalls(f, call, fns, k))
	}
	return errors.Join(errs...)
}

func (b *binary) grpcCalls(f *uprobe.File, call uprobe.Func, fns map[string]uprobe.Func, k uprobe.Kernel) error {
	put, ok := fns[grpcPut]
	if !ok {
		return fmt.Errorf("it has no %s", grpcPut)
	}
	points, err := f.Calls(call, put, k)
	if err != nil {
		return err
	}
	if len(points) != 1 {
		return fmt.Errorf("%s calls %s %d times, not once", grpcNewStream, grpcPut, len(points))
	}
	take := entry{"go_grpc_take", fns[grpcWrite], 2}
	if take.fn.Name == "" {
		take = entry{"go_grpc_take_old", fns[grpcWriteOld], 3}
	}
	if take.fn.Name == "" {
		return fmt.Errorf("it has neither %s nor %s", grpcWrite, grpcWriteOld)
	}
	if err := b.enter(f, k, take); err != nil {
		return err
	}
	b.hooks = append(b.hooks, hook{"go_grpc_hand", points, 0})
	return nil
}

// grpcMinor is the minor version of grpc 1 that the program was built with.
func grpcMinor(f *uprobe.File) (int, error) {
	info := f.BuildInfo()
	at := slices.IndexFunc(info.Deps, func(m *debug.Module) bool { return m.Path == grpcModule })
	version := info.Main.Version // of a program of that module
	if at >= 0 {
		version = info.Deps[at].Version
		if r := info.Deps[at].Replace; r != nil && r.Version != "" {
			version = r.Version
		}
	}
	rest, ok := strings.CutPrefix(version, "v1.")
	minor, _, _ := strings.Cut(rest, ".")
	n, err := strconv.Atoi(minor)
	if !ok || err != nil {
		return 0, fmt.Errorf("the version of %s cannot be told from %q", grpcModule, version)
	}
	return n, nil
}
