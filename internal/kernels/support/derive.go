// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package support

import (
	"encoding/json"
	"fmt"
	"regexp"

	"github.com/ebpfreceiver/ebpfreceiver/internal/compat"
	"github.com/ebpfreceiver/ebpfreceiver/internal/kernel"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes"
)

// Prepare parses the shipped objects for an architecture, which need not be the
// one of this program.
func Prepare(arch string) (*compat.Set, error) {
	manifests, err := probes.Manifests(arch)
	if err != nil {
		return nil, err
	}
	set, err := compat.Prepare(manifests...)
	if err != nil {
		return nil, err
	}
	return set.For(arch), nil
}

var series = regexp.MustCompile(`^\d+\.\d+`)

// Derive says what the types of a stored kernel tell, for each lockdown mode.
func Derive(set *compat.Set, path string) ([]Row, error) {
	k, err := kernel.Open(path)
	if err != nil {
		return nil, err
	}
	var rows []Row
	for _, mode := range modes {
		resolutions, err := set.Resolve(k.WithLockdown(kernel.LockdownOf(mode)))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		row := Row{Kernel: series.FindString(k.Release), Arch: k.Arch, Lockdown: mode}
		for i := range resolutions {
			row.Probes = append(row.Probes, probeOf(&resolutions[i]))
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// Mark begins the line on which a guest tells what its receiver came to.
const Mark = "@receiver "

// CostMark begins a line on which a guest tells what programs cost.
const CostMark = "@cost "

// Told is what a receiver in a guest came to: the variants of the probes that
// run, by name; those without variants have the empty one.
type Told map[string]string

// Confirm marks the probes of which the guest came to the same. What differs is
// told in sentences.
func (r *Row) Confirm(line string) (differences []string, err error) {
	var told Told
	if err := json.Unmarshal([]byte(line), &told); err != nil {
		return nil, err
	}
	for i := range r.Probes {
		p := &r.Probes[i]
		variant, runs := told[p.Name]
		if runs != (p.State != compat.None.String()) || runs && variant != p.Variant {
			differences = append(differences, fmt.Sprintf("%s: probe %s: its types promise %s %q, the receiver ran: %t %q", r.name(), p.Name, p.State, p.Variant, runs, variant))
			continue
		}
		p.Booted = true
	}
	return differences, nil
}
