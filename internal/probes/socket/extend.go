// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/cilium/ebpf"

	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
)

// Extensible is the Daemon for those that bring bytes of their own: programs made
// of the same code, which send records to its ring. They load with its maps.
type Extensible interface {
	// Prepare sets the constants of such programs, before they are loaded.
	Prepare(spec *ebpf.CollectionSpec) error
	// Follow sets the variables of such programs as the Daemon's own, now and when
	// these change.
	Follow(variables map[string]*ebpf.Variable) error
	// Encrypted tells the Daemon whether somebody wants the plaintext of encrypted
	// connections: see bpf/include/socket_tls.h.
	Encrypted(wanted bool) error
	// Gapped tells the kernel's programs to look into the map tls_gaps.
	Gapped() error
}

// shared are the maps of programs made of the same code.
var shared = []string{
	"socket_events", "socket_counters", "socket_threads", "socket_decisions", "tls_conns", "tls_sockets", "tls_threads", "tls_processes",
	"tls_gaps",
	"go_goroutines", "go_processes", "go_marks", "go_serving",
}

// SharedMaps implements probe.MapSharer.
func (d *daemon) SharedMaps() map[string]*ebpf.Map {
	maps := map[string]*ebpf.Map{}
	if d.coll != nil {
		for _, name := range shared {
			if m := d.coll.Maps[name]; m != nil {
				maps[name] = m
			}
		}
	}
	return maps
}

// Prepare implements Extensible.
func (d *daemon) Prepare(spec *ebpf.CollectionSpec) error {
	for name, v := range map[string]any{
		"max_request":   d.cfg.MaxRequestCapture,
		"max_response":  d.cfg.MaxResponseCapture,
		"wakeup_bytes":  uint64(min(256<<10, d.cfg.RingSize/4)),
		"sampling_seed": d.seed,
		"tally_bounds":  stream.TallyBounds,
	} {
		if err := spec.Variables[name].Set(v); err != nil {
			return fmt.Errorf("constant %s: %w", name, err)
		}
	}
	return nil
}

// Follow implements Extensible.
func (d *daemon) Follow(variables map[string]*ebpf.Variable) error {
	d.followed = append(d.followed, variables)
	for name, v := range d.told {
		if err := variables[name].Set(v); err != nil {
			return fmt.Errorf("variable %s: %w", name, err)
		}
	}
	return nil
}

// Encrypted implements Extensible.
func (d *daemon) Encrypted(wanted bool) error {
	v := d.coll.Variables["tls_followed"]
	if v == nil {
		return nil
	}
	if !wanted {
		return v.Set(uint8(0))
	}
	d.followedAs = d.followedAs%math.MaxUint8 + 1
	return v.Set(d.followedAs)
}

// Gapped implements Extensible.
func (d *daemon) Gapped() error {
	return d.tell("of gaps in what is encrypted", map[string]any{"tls_gapped": uint8(1)})
}

// tell sets variables of the kernel's programs.
func (d *daemon) tell(what string, values map[string]any) error {
	if d.told == nil {
		d.told = map[string]any{}
	}
	maps.Copy(d.told, values)
	if d.coll == nil {
		return nil // without a kernel, in tests
	}
	for name, v := range values {
		for _, variables := range slices.Concat([]map[string]*ebpf.Variable{d.coll.Variables}, d.followed) {
			if err := variables[name].Set(v); err != nil {
				return fmt.Errorf("the kernel cannot be told %s: %w", what, err)
			}
		}
	}
	return nil
}
