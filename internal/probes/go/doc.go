// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package golang is the Instrument "go": it keeps traces whole in Go programs, where
// goroutines move a request from thread to thread.
//
// It makes no spans. What a Go program serves and calls is seen, as for all programs, by
// the Daemon socket, whose Instruments make one span of each exchange; this one tells
// which request a goroutine takes part in, so that their spans get the right parent.
//
// The goroutine that runs a system call is known without a probe: a register still has it.
// Uprobes, each at an instruction that the kernel emulates, tell the rest: a goroutine
// takes part in the request of the one that started it (runtime.newproc); and in net/http
// the goroutine that writes to a connection of a client works for the one that made the
// request (persistConn.roundTrip, Request.write). The one at runtime.newproc costs most, since
// net/http's server starts a goroutine for each request: it is attached to programs that get
// requests when the first of them calls somebody from a goroutine that no request is known of.
// HTTP/2 clients of net/http, database/sql and others that write on the caller's goroutine, or on
// one started for it, need no more.
//
// On a connection of HTTP/2 one goroutine reads all requests, and in gRPC one writes all calls. Which
// goroutine serves which stream is told by one hit for each request (serverConn.runHandler of net/http,
// operateHeaders of gRPC); for whom a call of gRPC is written by two (http2Client.NewStream, loopyWriter),
// which user space joins to the bytes by the number of the stream.
//
// One hit behind the choice of net/http.ServeMux (Go 1.22) tells the pattern of a request, which the
// Instrument http makes http.route of. So does one in gin, chi, gorilla/mux and Echo, each time that such a
// router has chosen: what nested routers of chi chose is put together as chi does. These keep it in structures
// that change with their versions: a table tells where, made of real releases, or the program's debugging
// information. Of a version that neither tells of there are no routes, and for other routers the Instrument's
// configuration has them.
//
//   - gin: behind the call of node.getValue in Engine.handleHTTPRequest, where the result lies on the stack.
//   - chi: behind the call of node.FindRoute in Mux.routeHTTP. The Context is where FindRoute kept its argument.
//   - gorilla/mux: at requestWithRoute, which has the Route.
//   - Echo: at the function that Echo.add makes around each handler. A middleware that answers by itself keeps
//     the request from coming there, and a program's own echo.Context hides Echo's: then there is no route.
//
// A request is over for its goroutines when its response begins. What they send later has
// no parent.
package golang
