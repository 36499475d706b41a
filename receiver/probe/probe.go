// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"io"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"go.uber.org/zap"
)

// Factory describes one probe and makes it. The zero value of a field that is
// added later means what it meant before.
type Factory struct {
	Manifest Manifest
	// DefaultConfig returns a pointer to a new configuration struct with its
	// defaults. The receiver unmarshals the probe's section into it and, when
	// it has a method Validate() error, validates it. Nil means that the probe
	// has no configuration.
	DefaultConfig func() any
	// New makes the probe. config is what DefaultConfig returned, filled in,
	// or nil. New must not touch the kernel.
	New func(set Settings, config any) (Probe, error)
	// Instance is set for a type of probes of which there may be any number, each under a
	// name of its own, as "object/slow". It makes the Factory of one of them from its
	// name and its configuration, filled in and validated; New and the variants of the
	// type are not used then. It must not touch the kernel. An error ends the receiver's
	// Start.
	Instance func(name string, config any) (Factory, error)
}

// Settings are given to a probe when it is made.
type Settings struct {
	// Logger carries the probe's name.
	Logger *zap.Logger
	// Signals are those for which the receiver has a pipeline.
	Signals Signals
	// CollectionInterval is the time between two calls of Collect.
	CollectionInterval time.Duration
	// Emit takes the telemetry of this probe.
	Emit Emitter
	// Processes knows the selected processes.
	Processes Processes
	// Clock converts the kernel's time.
	Clock Clock
	// KeepInstrumented tells that spans are wanted also of processes that export spans by
	// themselves.
	KeepInstrumented bool
	// Admit tells whether a process may have another span, and counts it. Nil admits all.
	// What is not admitted counts as sampled out.
	Admit func(*ProcessInfo) bool
	// TickIn asks for a call of Tick so soon, or at once, if the probe is a [Ticker]. Calls are at least
	// some milliseconds apart. It is safe for concurrent use, and nil where nobody ticks.
	TickIn func(time.Duration)
	// Targets is what the user selected, compiled by the receiver. It is only of use to
	// the Daemon that follows processes.
	Selection any
}

// Probe is what every probe does. See the optional interfaces for more.
type Probe interface {
	// Load creates maps and programs of one variant. It is called once, or,
	// after it failed, again with the next variant; a failed Load leaves
	// nothing behind.
	Load(ctx context.Context, l *Loading) error
	// Attach begins to observe the target and returns what ends it. It is
	// atomic: all its links or none. Closing undoes it in reverse order.
	Attach(ctx context.Context, t Target) (io.Closer, error)
	// Close unloads what Load created. It is safe to call when Load failed.
	Close() error
}

// Loading is given to Load.
type Loading struct {
	// Variant is the chosen one. It is the zero value for a probe without.
	Variant Variant
	// Spec is the variant's object, reduced to the variant's programs and the
	// maps that they use. Nil without a variant. The probe may set its constants
	// and map sizes.
	Spec *ebpf.CollectionSpec
	// Options carry the kernel's types and the maps that the Daemons of
	// DependsOn share.
	Options ebpf.CollectionOptions
	// Caches are used instead of that of Options to load programs at the same time, as many as
	// there are of these. Without any they are loaded one after the other.
	Caches []*btf.Cache
	// Dependencies are the loaded probes of DependsOn, by name.
	Dependencies map[string]Probe
	// Loaded is told of the programs that Collection loads. It may be nil.
	Loaded func(map[string]*ebpf.Program)
}

// Collection loads the object of the variant into the kernel. Maps that a
// Daemon shares are used in place of those of the same name.
func (l *Loading) Collection() (*ebpf.Collection, error) {
	c, err := newCollection(l.Spec, l.Options, l.Caches)
	if err == nil && l.Loaded != nil {
		l.Loaded(c.Programs)
	}
	return c, err
}

// Scope says what a Target is.
type Scope uint8

const (
	// Host is the whole machine: tracepoints, tracing programs.
	Host Scope = iota
	// Executable is one executable file or library: uprobes.
	Executable
	// Process is one process.
	Process
)

// Target is what a probe is attached to.
type Target struct {
	Scope Scope
	// File is the executable. Only for the scopes Executable and Process.
	File File
	// PID and StartTime (kernel boot time in ns) tell the process. Only for
	// the scope Process.
	PID       uint32
	StartTime uint64
}

// File knows an executable or library on disk. Path may lead to another file
// later; the other fields do not.
type File struct {
	Path       string
	Device     uint64
	Inode      uint64
	BuildID    string
	Generation uint64
}
