// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/hook"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// The names of the variants.
const (
	socketTracepoints      = "socket_tracepoints"
	socketTracepointsFiles = "socket_tracepoints_files"
	fentry                 = "fentry"
	kprobe                 = "kprobe"
	sysExit                = "sys_exit"
	sysExitIter            = "sys_exit_iter"
)

// variants are ordered by what they were measured to cost. For an exchange of the
// live suite of internal/kernels the programs of each executed, in this order, 5.8,
// 8.3, 10.9 and 20.9 thousand instructions of the processor: run times from the
// kernel's own statistics, on 7.3 under QEMU with a clock that counts instructions.
// What leads to a program, as a breakpoint or a trampoline, is not in it; and that
// of system calls runs for all of them.
//
// The variants _files and _iter are those before, with another way to find the
// connections that have gone quiet: see bpf/include/socket_sweep.h.
func variants() []probe.Variant {
	tracepointsLose := []string{
		"payload that is received by splice or sent by sendfile (its length is known)",
		"payload over Unix sockets that io_uring, sendmmsg or recvmmsg move (its length is known)",
		"the end of a connection over a Unix socket, until the next one",
	}
	systemCallsLose := []string{
		"bytes that io_uring moves",
		"payload that is moved by splice or sendfile (its length is known)",
		"payload of all but the first message of sendmmsg and recvmmsg (its length is known)",
		"the end of a connection over a Unix socket, until the next one",
		"calls of 32-bit programs",
		"which end it is of an MQTT connection that was there before, as long as it only publishes",
		"the database that a client of MySQL names when it logs in",
	}
	all := []probe.Variant{
		{Name: socketTracepoints, Loses: tracepointsLose},
		{
			Name: socketTracepointsFiles,
			Loses: append(slices.Clone(tracepointsLose),
				"the end of a long message over a socket that only io_uring knows, until the next one or the connection's end"),
		},
		{
			Name: fentry,
			Loses: []string{
				"payload that is received by splice or sent by sendfile (its length is known, but not over Unix sockets)",
				"the first message of a client with TCP Fast Open",
			},
		},
		{
			Name: kprobe,
			Loses: []string{
				"bytes over Unix sockets",
				"payload that is received by splice or sent by sendfile (its length is known)",
				"the first message of a client with TCP Fast Open",
				"the end of a long chunked response, until the next message or a pause",
			},
		},
		{Name: sysExit, Loses: systemCallsLose},
		{Name: sysExitIter, Loses: systemCallsLose},
	}
	for i := range all {
		all[i].Spec = loadObject
		all[i].Programs = attachments[all[i].Name].programs()
	}
	return all
}

// attachPlan says what to attach of a variant.
type attachPlan struct {
	// hooks are programs in the order in which they are attached: the end of
	// connections first, so that none is opened whose end is not seen.
	hooks []string
	// sweeps are the programs that visit connections, each with the map that it goes over, if it is one.
	sweeps []sweep
}

type sweep struct{ program, over string }

// byTracepoints are the hooks of a variant that goes over TCP connections by the program of tcp.
func byTracepoints(tcp sweep) attachPlan {
	return attachPlan{
		hooks:  []string{"socket_state", "socket_send", "socket_receive", "socket_unix_sent", "socket_unix_received"},
		sweeps: []sweep{tcp, {"socket_fd_each", "socket_fds"}},
	}
}

// bySystemCalls are those of a variant that sees system calls.
func bySystemCalls(program string) attachPlan {
	return attachPlan{hooks: []string{"socket_fd_state", "socket_sys_exit"}, sweeps: []sweep{{program, "socket_fds"}}}
}

func (p attachPlan) programs() []string {
	all := slices.Clone(p.hooks)
	for _, s := range p.sweeps {
		all = append(all, s.program)
	}
	return all
}

var attachments = map[string]attachPlan{
	socketTracepoints:      byTracepoints(sweep{"socket_sweep", "socket_conns"}),
	socketTracepointsFiles: byTracepoints(sweep{"socket_visit", ""}),
	fentry: {
		hooks: []string{
			"socket_fentry_state", "socket_fentry_ulp", "socket_fexit_send", "socket_fentry_send", "socket_fexit_receive",
			"socket_unix_close", "socket_unix_send", "socket_unix_receive",
		},
		sweeps: []sweep{{"socket_fentry_sweep", "socket_conns"}, {"socket_fd_sweep", "socket_fds"}},
	},
	kprobe: {
		hooks:  []string{"socket_kprobe_state", "socket_kprobe_send", "socket_kprobe_receive", "socket_kprobe_copy"},
		sweeps: []sweep{{"socket_kprobe_sweep", "socket_hashed"}},
	},
	sysExit:     bySystemCalls("socket_fd_each"),
	sysExitIter: bySystemCalls("socket_fd_sweep"),
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
	var sweeps []*hook.Sweep
	for _, s := range d.how.sweeps {
		l, err := hook.NewSweep(d.coll.Programs[s.program], d.coll.Maps[s.over])
		if err != nil {
			return nil, errors.Join(fmt.Errorf("attach %s: %w", s.program, err), links.Close())
		}
		links, sweeps = append(links, l), append(sweeps, l)
	}
	links = append(links, closerFunc(func() error { return LastSweep(d.coll, sweeps...) }))
	for _, name := range d.how.hooks {
		l, err := hook.Attach(d.hooks[name], d.coll.Programs[name])
		if err != nil {
			return nil, errors.Join(err, links.Close())
		}
		links = append(links, l)
	}
	d.sweeps.Store(&sweeps)
	return append(links, closerFunc(func() error { d.sweeps.Store(nil); return nil })), nil
}

type closerFunc func() error

func (f closerFunc) Close() error { return f() }
