// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"bytes"
	"errors"

	"github.com/cilium/ebpf"

	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
)

// Goroutines is the Daemon for the Instrument "go", which tells in the maps go_goroutines,
// go_processes and go_marks what a goroutine takes part in: see bpf/include/socket_goroutine.h.
type Goroutines interface {
	// FollowGoroutines tells the kernel's programs whether that is so.
	FollowGoroutines(on bool) error
	// GoMarks is the map go_marks. It is nil where the variant does not know goroutines.
	GoMarks() *ebpf.Map
	// GoRoutes tells the map of the texts of routes by number, nil when it is closed.
	GoRoutes(texts *ebpf.Map)
	// Unheard counts the records of it that could not be joined to anything.
	Unheard() uint64
}

var (
	_ Goroutines     = (*daemon)(nil)
	_ stream.Routes  = (*daemon)(nil)
	_ stream.Callers = (*daemon)(nil)
)

// FollowGoroutines implements Goroutines.
func (d *daemon) FollowGoroutines(on bool) error {
	var n uint8
	if on {
		n = 1
	}
	d.following = on
	return errors.Join(d.tellWants(), d.tell("whether goroutines are followed", map[string]any{"go_followed": n}))
}

// GoMarks implements Goroutines.
func (d *daemon) GoMarks() *ebpf.Map {
	if d.coll == nil {
		return nil
	}
	return d.coll.Maps["go_marks"]
}

// routes are the texts of routes by number, which the kernel gives once.
type routes struct {
	texts *ebpf.Map
	known map[uint16]string // what was read: a system call for each request is too many
}

// GoRoutes implements Goroutines.
func (d *daemon) GoRoutes(texts *ebpf.Map) {
	if texts == nil {
		d.routes.Store(nil)
		return
	}
	d.routes.Store(&routes{texts, map[uint16]string{}})
}

// Route implements stream.Routes. It is called by the goroutine that serves the Daemon.
func (d *daemon) Route(number uint16) string {
	r := d.routes.Load()
	if r == nil {
		return ""
	}
	if known, ok := r.known[number]; ok {
		return known
	}
	var text [128]byte // struct go_route of bpf/go.bpf.c
	if err := r.texts.Lookup(uint32(number), &text); err != nil {
		return ""
	}
	end := bytes.IndexByte(text[:], 0)
	if end < 0 {
		end = len(text)
	}
	route := string(text[:end])
	if route != "" {
		r.known[number] = route
	}
	return route
}

// caller names a call of HTTP/2 before it is written: by the process, the goroutine that writes it
// and its stream.
type caller struct {
	writer      uint64
	pid, stream uint32
}

// maxCallers bounds those that are remembered: a call ends some time after it was written.
const maxCallers = 16384

// hear takes what the Instrument "go" tells of a request or a call of HTTP/2.
func (d *daemon) hear(r *objectGoTold) {
	switch r.Kind {
	case toldRoute, toldMethod:
		h, known := d.table.Find(r.Conn)
		if !known || !d.table.Routed(h, r.Stream, r.Route, r.Kind == toldMethod) {
			d.unheard.Add(1)
		}
	case toldCall:
		if d.callers == nil {
			d.callers = map[caller]stream.Ref{}
		}
		if len(d.callers) >= maxCallers {
			d.unheard.Add(uint64(len(d.callers)))
			clear(d.callers)
		}
		d.callers[caller{r.Conn, r.Tgid, r.Stream}] = stream.Ref{Conn: r.ParentConn, Seq: r.ParentSeq, Goroutine: true}
	default:
		d.unheard.Add(1)
	}
}

// Caller implements stream.Callers.
func (d *daemon) Caller(pid uint32, writer uint64, number uint32) stream.Ref {
	k := caller{writer, pid, number}
	ref := d.callers[k]
	delete(d.callers, k)
	return ref
}

// Unheard implements Goroutines.
func (d *daemon) Unheard() uint64 { return d.unheard.Load() }
