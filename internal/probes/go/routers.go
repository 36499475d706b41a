// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package golang

import (
	"errors"
	"fmt"

	"github.com/ebpfreceiver/ebpfreceiver/internal/uprobe"
)

// router is one of those that are no part of Go.
type router struct {
	module  string
	program string
	// function is the one in which it has chosen a route, and calls the one that the choice is made by, or
	// handed to.
	function, calls string
	// points finds the place by offsets in structures, and what more the program is to know than these.
	points func(f *uprobe.File, fn, calls uprobe.Func, at []uint64, k uprobe.Kernel) ([]uprobe.Point, []uint64, error)
}

// The modules.
const (
	ginModule  = "github.com/gin-gonic/gin"
	chiModule  = "github.com/go-chi/chi/v5"
	muxModule  = "github.com/gorilla/mux"
	echoModule = "github.com/labstack/echo/v4"
)

// others are these routers. What their programs are told of is in bpf/include/go_routes.h.
func others() []router {
	return []router{
		{ginModule, "go_route_gin", ginModule + ".(*Engine).handleHTTPRequest", ginModule + ".(*node).getValue", firstStored},
		{chiModule, "go_route_chi", chiModule + ".(*Mux).routeHTTP", chiModule + ".(*node).FindRoute", afterKept},
		{muxModule, "go_route_mux", muxModule + ".requestWithRoute", "", atEntry},
		{echoModule, "go_route_echo", echoModule + ".(*Echo).add.func1", "", atEntry},
	}
}

// routers adds what tells which routes these have chosen.
func (b *binary) routers(f *uprobe.File, fns map[string]uprobe.Func, k uprobe.Kernel) {
	for _, r := range others() {
		fn, ok := fns[r.function]
		if !ok {
			if version := moduleOf(f, r.module); version != "" && r.calls == "" {
				b.noRouters = append(b.noRouters, fmt.Errorf("%s %s has no %s", r.module, version, r.function))
			}
			continue
		}
		h, err := r.hook(f, fn, fns, k)
		if err != nil {
			b.noRouters = append(b.noRouters, err)
			continue
		}
		b.hooks = append(b.hooks, h)
	}
}

func (r *router) hook(f *uprobe.File, fn uprobe.Func, fns map[string]uprobe.Func, k uprobe.Kernel) (hook, error) {
	calls, ok := fns[r.calls]
	if !ok && r.calls != "" {
		return hook{}, fmt.Errorf("it has %s, but no %s", r.function, r.calls)
	}
	at, err := placesOf(f, r.module)
	if err != nil {
		return hook{}, err
	}
	points, more, err := r.points(f, fn, calls, at, k)
	if err != nil {
		return hook{}, err
	}
	if len(points) != 1 {
		return hook{}, fmt.Errorf("%s calls %s %d times, not once", r.function, r.calls, len(points))
	}
	if points[0].Slow {
		return hook{}, fmt.Errorf("this kernel cannot emulate an instruction where a route is known: %s", points[0])
	}
	var cookie uint64
	for i, place := range append(more, at...) {
		if place > 0xffff {
			return hook{}, fmt.Errorf("%s is too far off in %s", r.module, r.function)
		}
		cookie |= place << (16 * i)
	}
	return hook{r.program, points, cookie}, nil
}

// firstStored is behind the call of the other one that stands first, where what it returned is on the
// stack: of its results the first one, and a string that the first offset is of.
func firstStored(f *uprobe.File, fn, calls uprobe.Func, at []uint64, k uprobe.Kernel) ([]uprobe.Point, []uint64, error) {
	text := int(at[0] / 8) //nolint:gosec // an offset
	p, room, err := f.FirstStored(fn, calls, []int{0, text, text + 1}, k)
	return []uprobe.Point{p}, []uint64{uint64(room)}, err //nolint:gosec // it is not negative
}

// foundByChi are the registers of what chi's FindRoute returns: a *node, a map, an http.Handler.
const foundByChi = 4

// afterKept is behind the call of the other one, whose second argument is where it kept it.
func afterKept(f *uprobe.File, fn, calls uprobe.Func, _ []uint64, k uprobe.Kernel) ([]uprobe.Point, []uint64, error) {
	room, err := f.Kept(calls, 1, k)
	if err != nil {
		return nil, nil, err
	}
	points, err := f.After(fn, calls, uprobe.Go, foundByChi, k)
	return points, []uint64{uint64(room)}, err //nolint:gosec // it is not negative
}

// atEntry is where the function begins, with two registers of arguments.
func atEntry(f *uprobe.File, fn, _ uprobe.Func, _ []uint64, k uprobe.Kernel) ([]uprobe.Point, []uint64, error) {
	p, err := f.Entry(fn, uprobe.Want{ABI: uprobe.Go, Args: 2}, k)
	return []uprobe.Point{p}, nil, err
}

// errPlaces is returned for a version of a router that nobody has looked at.
var errPlaces = errors.New("where this version keeps a route is not known")

// placesOf gives the offsets of what a router's program reads: by the table, else by the program's
// debugging information.
func placesOf(f *uprobe.File, module string) ([]uint64, error) {
	version := moduleOf(f, module)
	at, err := routerLayout(module, version)
	if err != nil || at != nil {
		return at, err
	}
	if at, ok := debugged(f, module); ok {
		return at, nil
	}
	if version == "" {
		version = "(replaced)"
	}
	return nil, fmt.Errorf("%s %s: %w", module, version, errPlaces)
}
