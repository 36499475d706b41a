// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package uprobe

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// Multi makes the uprobe programs of an object into ones for uprobe_multi (Linux 6.6), which
// attaches one program in many places by one link. It is for the Spec of a variant that is
// better than the one without.
func Multi(spec *ebpf.CollectionSpec) {
	for _, p := range spec.Programs {
		if p.Type == ebpf.Kprobe && (strings.HasPrefix(p.SectionName, "uprobe") || strings.HasPrefix(p.SectionName, "uretprobe")) {
			p.AttachType = ebpf.AttachTraceUprobeMulti
		}
	}
}

// Hook is a program and the places where it is to run.
type Hook struct {
	Program *ebpf.Program
	// Points are in one file. Those for returns get return probes.
	Points []Point
	// Cookie is what bpf_get_attach_cookie returns there. Zero needs no support of the kernel.
	Cookie uint64
}

// Options say how to attach.
type Options struct {
	// Multi tells that the programs were loaded as [Multi] made them.
	Multi bool
	// AllowSlow attaches also where the kernel single-steps.
	AllowSlow bool
	// PID restricts the probes to one process. 0 means all that map the file.
	PID int
}

// SlowError is returned where a uprobe would be single-stepped, and that is not allowed.
type SlowError struct {
	Points []Point
}

// Error implements error.
func (e *SlowError) Error() string {
	places := make([]string, len(e.Points))
	for i, p := range e.Points {
		places[i] = p.String()
		if p.Return {
			places[i] += ", for its return"
		}
	}
	return fmt.Sprintf("this kernel cannot emulate an instruction where a probe is needed, and single-steps it, which in a virtual machine "+
		"costs some 20 µs each time: %s; allow_slow_uprobes attaches all the same", strings.Join(places, "; "))
}

// Attach runs the programs of all hooks at their places in the file, in every process that
// maps it, until the result is closed. The file must be open during the call only. It is
// all of them or none.
//
// Returns a [*SlowError], or an error that wraps the kernel's.
func Attach(file *os.File, hooks []Hook, o Options) (_ io.Closer, err error) {
	if !o.AllowSlow {
		var slow []Point
		for _, h := range hooks {
			slow = append(slow, slices.DeleteFunc(slices.Clone(h.Points), func(p Point) bool { return !p.Slow })...)
		}
		if len(slow) > 0 {
			return nil, &SlowError{Points: slow}
		}
	}
	// By the descriptor it is this file, whatever its path leads to by now.
	ex, err := link.OpenExecutable(fmt.Sprintf("/proc/self/fd/%d", file.Fd()))
	if err != nil {
		return nil, err
	}
	var links links
	defer func() {
		if err != nil {
			err = errors.Join(err, links.Close())
		}
	}()
	for i := range hooks {
		for _, ret := range []bool{false, true} {
			points := slices.DeleteFunc(slices.Clone(hooks[i].Points), func(p Point) bool { return p.Return != ret })
			if len(points) == 0 {
				continue
			}
			if err := links.attach(ex, &hooks[i], points, ret, o); err != nil {
				return nil, fmt.Errorf("a uprobe of %s cannot be attached: %w", points[0].Func, err)
			}
		}
	}
	return &links, nil
}

// links are closed in reverse.
type links []link.Link

func (l *links) attach(ex *link.Executable, h *Hook, points []Point, ret bool, o Options) error {
	if o.Multi {
		opts := &link.UprobeMultiOptions{PID: uint32(o.PID)}
		for _, p := range points {
			opts.Addresses = append(opts.Addresses, p.Offset)
			if h.Cookie != 0 {
				opts.Cookies = append(opts.Cookies, h.Cookie)
			}
		}
		do := ex.UprobeMulti
		if ret {
			do = ex.UretprobeMulti
		}
		return l.add(do(nil, h.Program, opts))
	}
	do := ex.Uprobe
	if ret {
		do = ex.Uretprobe
	}
	for _, p := range points {
		// The symbol names the event where tracefs has to serve.
		if err := l.add(do(p.Func, h.Program, &link.UprobeOptions{Address: p.Offset, Cookie: h.Cookie, PID: o.PID})); err != nil {
			return err
		}
	}
	return nil
}

func (l *links) add(ln link.Link, err error) error {
	if err == nil {
		*l = append(*l, ln)
	}
	return err
}

// Close implements io.Closer.
func (l *links) Close() error {
	var errs []error
	for _, ln := range slices.Backward(*l) {
		errs = append(errs, ln.Close())
	}
	*l = nil
	return errors.Join(errs...)
}
