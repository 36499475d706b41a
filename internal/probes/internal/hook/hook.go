// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package hook attaches programs to where their sections say.
package hook

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// Attach attaches a program of the host's: one of the type TRACING, a raw or a
// classic tracepoint, a kprobe or a kretprobe.
//
// The kernel's refusal is returned as an error that names the hook.
func Attach(spec *ebpf.ProgramSpec, p *ebpf.Program) (io.Closer, error) {
	l, err := attach(spec, p)
	if err != nil {
		return nil, fmt.Errorf("attach %s: %w", spec.SectionName, err)
	}
	return l, nil
}

func attach(spec *ebpf.ProgramSpec, p *ebpf.Program) (io.Closer, error) {
	switch spec.Type {
	case ebpf.RawTracepoint:
		return link.AttachRawTracepoint(link.RawTracepointOptions{Name: spec.AttachTo, Program: p})
	case ebpf.TracePoint:
		group, name, _ := strings.Cut(spec.AttachTo, "/")
		return link.Tracepoint(group, name, p, nil)
	case ebpf.Kprobe:
		if strings.HasPrefix(spec.SectionName, "kretprobe/") {
			return link.Kretprobe(spec.AttachTo, p, nil)
		}
		return link.Kprobe(spec.AttachTo, p, nil)
	default:
		return link.AttachTracing(link.TracingOptions{Program: p})
	}
}

// Run lets the kernel go through what an iterator visits, once. Its program writes
// nothing: reading is what makes it run.
func Run(it *link.Iter) error {
	r, err := it.Open()
	if err != nil {
		return fmt.Errorf("open the iterator: %w", err)
	}
	_, err = io.Copy(io.Discard, r)
	return errors.Join(err, r.Close())
}
