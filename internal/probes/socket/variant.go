// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/cilium/ebpf/link"

	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// The names of the variants.
const (
	socketTracepoints = "socket_tracepoints"
	sysExit           = "sys_exit"
)

// variants are ordered by what they were measured to cost the observed program.
func variants() []probe.Variant {
	return []probe.Variant{
		{
			Name:     socketTracepoints,
			Spec:     loadObject,
			Programs: []string{"socket_receive", "socket_send", "socket_state", "socket_sweep"},
			Loses: []string{
				"bytes over Unix sockets",
				"payload that is received by splice or sent by sendfile (its length is known)",
			},
		},
		{
			Name:     sysExit,
			Spec:     loadObject,
			Programs: []string{"socket_sys_exit", "socket_fd_state", "socket_fd_sweep"},
			Loses: []string{
				"bytes that io_uring moves",
				"payload that is moved by splice or sendfile (its length is known)",
				"the end of a connection over a Unix socket",
				"calls of 32-bit programs",
			},
		},
	}
}

// attachPlan says what to attach of a variant.
type attachPlan struct {
	// tracing programs in the order in which they are attached: the end of
	// connections first, so that none is opened whose end is not seen.
	tracing []string
	// sweep is the iterator program, over the elements of the map.
	sweep, over string
}

var attachments = map[string]attachPlan{
	socketTracepoints: {[]string{"socket_state", "socket_send", "socket_receive"}, "socket_sweep", "socket_conns"},
	sysExit:           {[]string{"socket_fd_state", "socket_sys_exit"}, "socket_fd_sweep", "socket_fds"},
}

// attachment is what Attach gives back.
type attachment []io.Closer

// Close detaches in reverse order.
func (a attachment) Close() error {
	var errs []error
	for _, c := range slices.Backward(a) {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// Attach implements probe.Probe. The only target is the host: processes are
// told apart in the kernel.
func (d *daemon) Attach(_ context.Context, t probe.Target) (io.Closer, error) {
	if t.Scope != probe.Host {
		return nil, errors.New("the probe observes the whole host, not a single target")
	}
	var links attachment
	for _, name := range d.how.tracing {
		l, err := link.AttachTracing(link.TracingOptions{Program: d.coll.Programs[name]})
		if err != nil {
			return nil, errors.Join(fmt.Errorf("attach %s: %w", name, err), links.Close())
		}
		links = append(links, l)
	}
	sweep, err := link.AttachIter(link.IterOptions{Program: d.coll.Programs[d.how.sweep], Map: d.coll.Maps[d.how.over]})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("attach %s: %w", d.how.sweep, err), links.Close())
	}
	d.sweep.Store(sweep)
	return append(links, sweep, closerFunc(func() error { d.sweep.Store(nil); return nil })), nil
}

type closerFunc func() error

func (f closerFunc) Close() error { return f() }
