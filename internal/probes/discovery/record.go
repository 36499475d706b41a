// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package discovery

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unsafe"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
)

// The structs of bpf/include/process.h and procs.h. Tests compare the layouts
// with the objects' own.

type processEvent struct {
	time        uint64
	start       uint64
	parentStart uint64
	cgroup      uint64
	cgroupV1    uint64
	tgid        uint32
	parent      uint32
	uid         uint32
	euid        uint32
	exitCode    uint32
	port        uint16
	kind        uint8
	state       uint8
	comm        [16]byte
}

// processExec is without its data, which follows.
type processExec struct {
	event       processEvent
	filenameLen uint16
	interpLen   uint16
	argsLen     uint16
	argsCut     uint16
}

type proc struct {
	start uint64
	state uint32
	more  uint32 // pending: the low bits of a time; selected: the number of a target with rules
}

// procRule is a key of proc_rules.
type procRule struct{ target, port uint32 }

type procConfig struct {
	absent     uint32
	onExec     uint32
	wantListen uint32
	_          uint32
}

const (
	statePending  = 0
	stateSelected = 1
	stateIgnored  = 2
)

func (p *proc) bytes() []byte       { return bytesOf(p) }
func (c *procConfig) bytes() []byte { return bytesOf(c) }
func (r *procRule) bytes() []byte   { return bytesOf(r) }

// bytesOf views a value without pointers and padding.
func bytesOf[T proc | procConfig | procRule](v *T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(v)), unsafe.Sizeof(*v))
}

var (
	errShort = errors.New("record is too short")
	errKind  = errors.New("record is of an unknown kind")
)

// decode fills in e anew. It copies what it keeps.
func decode(record []byte, e *discovery.Event) error {
	if len(record) < int(unsafe.Sizeof(processEvent{})) {
		return fmt.Errorf("%w: %d bytes", errShort, len(record))
	}
	// Ring buffer records are aligned to 8 bytes; Go's own slices may not be.
	var r processEvent
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&r)), unsafe.Sizeof(r)), record)
	*e = discovery.Event{
		Kind: discovery.Kind(r.kind), Time: r.time, Start: r.start, ParentStart: r.parentStart,
		PID: r.tgid, ParentPID: r.parent, UID: r.uid, EUID: r.euid, CgroupID: discovery.CgroupID{V2: r.cgroup, V1: r.cgroupV1},
		Comm: text(r.comm[:]), Captured: r.state == stateSelected, Status: r.exitCode, Port: r.port,
		Args: e.Args[:0],
	}
	switch e.Kind {
	case discovery.Exec:
		return decodeExec(record, e)
	case discovery.Exit, discovery.Fork, discovery.Listen:
		return nil
	}
	return fmt.Errorf("%w: %d", errKind, r.kind)
}

func decodeExec(record []byte, e *discovery.Event) error {
	var r processExec
	head := int(unsafe.Sizeof(r))
	if len(record) < head {
		return fmt.Errorf("%w: %d bytes of an exec", errShort, len(record))
	}
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&r)), head), record)
	data := record[head:]
	filename, interp, args := int(r.filenameLen), int(r.interpLen), int(r.argsLen)
	if filename+interp+args > len(data) {
		return fmt.Errorf("%w: %d bytes of strings, not %d", errShort, len(data), filename+interp+args)
	}
	e.Filename = text(data[:filename])
	e.Interpreter = e.Filename
	if i := data[filename : filename+interp]; !bytes.Equal(i, data[:filename]) {
		e.Interpreter = text(i)
	}
	e.ArgsCut = r.argsCut != 0
	rest := data[filename+interp : filename+interp+args]
	if !e.ArgsCut {
		rest = bytes.TrimSuffix(rest, []byte{0})
	}
	if len(rest) == 0 {
		return nil
	}
	for arg := range bytes.SplitSeq(rest, []byte{0}) {
		e.Args = append(e.Args, valid(arg))
	}
	if interp == 0 {
		e.Interpreter = interpreterOf(e)
	}
	return nil
}

// interpreterOf tells what is really executed where the record does not. For a
// script the kernel puts its interpreter, as the first line names it, perhaps an
// option, and the script's own path in front of the arguments (load_script in
// fs/binfmt_script.c).
func interpreterOf(e *discovery.Event) string {
	for i := 1; i < min(3, len(e.Args)); i++ {
		if e.Args[i] == e.Filename && e.Args[0] != e.Filename && strings.HasPrefix(e.Args[0], "/") {
			return e.Args[0]
		}
	}
	return e.Filename
}

// text is a string that ends at the first zero.
func text(b []byte) string {
	if end := bytes.IndexByte(b, 0); end >= 0 {
		b = b[:end]
	}
	return valid(b)
}

// valid makes text that OTLP can carry of any bytes.
func valid(b []byte) string { return strings.ToValidUTF8(string(b), "\uFFFD") }
