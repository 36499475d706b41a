// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package tracing

import (
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream/correlate"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// Serving is the request that the exchange x of a client was made for, by what the capture
// says of it; zero when that is not known. In a Go program, which moves a request between
// threads, only a goroutine tells it, and the threads of x mean nothing.
func Serving(p *probe.ProcessInfo, parent stream.Ref, x *correlate.Exchange) stream.Ref {
	if !p.GoRuntime {
		return parent
	}
	Served(p, x)
	if !parent.Goroutine {
		return stream.Ref{}
	}
	return parent
}

// Served takes from the exchange of a Go program the threads, which mean nothing there: it is
// recognized as what a goroutine serves by its connection and time alone.
func Served(p *probe.ProcessInfo, x *correlate.Exchange) {
	if p.GoRuntime {
		x.RequestTID, x.ResponseTID = 0, 0
	}
}
