// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package support

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/ebpfreceiver/ebpfreceiver/internal/compat"
)

// Row is all that is known of one kernel in one lockdown mode.
type Row struct {
	// Kernel is the series, as "6.12": the probes' needs do not change within.
	Kernel string `json:"kernel"`
	// Arch is the kernel's own word, as "x86_64".
	Arch     string  `json:"arch"`
	Lockdown string  `json:"lockdown"`
	Probes   []Probe `json:"probes"`
}

// Probe says how one probe runs.
type Probe struct {
	Name    string `json:"name"`
	State   string `json:"state"`             // full, degraded or unsupported
	Variant string `json:"variant,omitempty"` // that is loaded
	// Loses is what it cannot see, Through which probe it suffers by.
	Loses   []string `json:"loses,omitempty"`
	Through []string `json:"through,omitempty"`
	// Reasons say why no better variant runs.
	Reasons []string `json:"reasons,omitempty"`
	// Booted is set if a receiver in this kernel came to the same.
	Booted bool `json:"booted"`
}

// same tells whether both say the same of a probe, known in whatever way.
func (p *Probe) same(o *Probe) bool {
	return p.Name == o.Name && p.State == o.State && p.Variant == o.Variant &&
		slices.Equal(p.Loses, o.Loses) && slices.Equal(p.Through, o.Through) && slices.Equal(p.Reasons, o.Reasons)
}

func probeOf(r *compat.Resolution) Probe {
	p := Probe{Name: r.Probe, State: r.State.String(), Loses: r.Loses, Through: r.Through}
	if c := r.Chosen(); c != nil && r.State != compat.None {
		p.Variant = c.Variant
	}
	for _, rejected := range r.Better() {
		p.Reasons = append(p.Reasons, rejected.Sentences()...)
	}
	return p
}

// is tells whether both are of the same kernel and mode.
func (r *Row) is(o *Row) bool {
	return r.Kernel == o.Kernel && r.Arch == o.Arch && r.Lockdown == o.Lockdown
}

// name is for messages.
func (r *Row) name() string {
	return fmt.Sprintf("%s, %s, lockdown %s", r.Kernel, r.Arch, r.Lockdown)
}

// Find gives the row of the same kernel and mode, or nil.
func Find(rows []Row, like *Row) *Row {
	if i := slices.IndexFunc(rows, func(r Row) bool { return r.is(like) }); i >= 0 {
		return &rows[i]
	}
	return nil
}

// Differences says in sentences where what was found is not what was recorded.
// That a boot confirmed what is recorded as unconfirmed is none: then the record
// claims too little, not too much.
func Differences(recorded []Row, found *Row) []string {
	old := Find(recorded, found)
	if old == nil {
		return []string{found.name() + ": not recorded"}
	}
	var sentences []string
	for _, p := range found.Probes {
		i := slices.IndexFunc(old.Probes, func(o Probe) bool { return o.Name == p.Name })
		switch {
		case i < 0:
			sentences = append(sentences, fmt.Sprintf("%s: probe %s: not recorded", found.name(), p.Name))
		case !p.same(&old.Probes[i]):
			sentences = append(sentences, fmt.Sprintf("%s: probe %s: recorded %+v, found %+v", found.name(), p.Name, old.Probes[i], p))
		}
	}
	for _, p := range old.Probes {
		if !slices.ContainsFunc(found.Probes, func(f Probe) bool { return f.Name == p.Name }) {
			sentences = append(sentences, fmt.Sprintf("%s: probe %s: recorded, but there is no such probe", found.name(), p.Name))
		}
	}
	return sentences
}

// Merge puts what was found in the place of what was recorded. What a boot
// confirmed once stays confirmed as long as the same is said.
func Merge(recorded []Row, found ...Row) []Row {
	for i := range found {
		f := &found[i]
		old := Find(recorded, f)
		if old == nil {
			recorded = append(recorded, *f)
			continue
		}
		for p := range f.Probes {
			for o := range old.Probes {
				if f.Probes[p].same(&old.Probes[o]) && old.Probes[o].Booted {
					f.Probes[p].Booted = true
				}
			}
		}
		*old = *f
	}
	slices.SortFunc(recorded, func(a, b Row) int {
		return cmp.Or(slices.Compare(numbers(a.Kernel), numbers(b.Kernel)), -strings.Compare(a.Arch, b.Arch),
			cmp.Compare(slices.Index(modes, a.Lockdown), slices.Index(modes, b.Lockdown)))
	})
	return recorded
}

// modes are the lockdown modes in their order.
var modes = []string{"none", "integrity", "confidentiality"}

// numbers parses "6.12".
func numbers(series string) []int {
	var major, minor int
	_, _ = fmt.Sscanf(series, "%d.%d", &major, &minor)
	return []int{major, minor}
}

// Read reads results.json.
func Read(path string) ([]Row, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var rows []Row
	if err := json.Unmarshal(data, &rows); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return rows, nil
}

// Write writes results.json.
func Write(path string, rows []Row) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(rows); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}
