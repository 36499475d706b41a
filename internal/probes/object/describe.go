// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package object

import (
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/ebpfreceiver/ebpfreceiver/internal/compat"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/object/record"
)

// Describe writes what is in an object and a section of the configuration to start from.
//
// Returns an error if the file cannot be read or is no object.
func Describe(w io.Writer, path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	spec, err := Parse(data)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	full, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	d := &describer{spec: spec, path: full, sum: sha256.Sum256(data)}
	d.out = tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if err := d.programs(); err != nil {
		return err
	}
	d.maps()
	d.globals()
	d.records()
	if err := d.out.Flush(); err != nil {
		return err
	}
	_, err = io.WriteString(w, "\n"+d.section())
	return err
}

type describer struct {
	spec *ebpf.CollectionSpec
	path string
	sum  [32]byte
	out  *tabwriter.Writer
}

func (d *describer) programs() error {
	effects, err := compat.EffectsOf(d.spec, nil)
	if err != nil {
		return err
	}
	fmt.Fprintln(d.out, "PROGRAM\tSECTION\tTYPE\tBESIDES OBSERVING")
	for _, name := range slices.Sorted(maps.Keys(d.spec.Programs)) {
		p, e := d.spec.Programs[name], effects[name]
		does := "nothing"
		switch {
		case len(e.Changes) > 0:
			does = "it changes the system by " + strings.Join(e.Changes, ", ")
		case e.Enforces != "":
			does = e.Enforces
		}
		if kindOfHook(p) == hookNone {
			does = "programs of this type cannot be attached here"
		}
		fmt.Fprintf(d.out, "%s\t%s\t%s\t%s\n", name, p.SectionName, p.Type, does)
	}
	return nil
}

func (d *describer) maps() {
	fmt.Fprintln(d.out, "\nMAP\tTYPE\tKEY\tVALUE\tENTRIES")
	for _, name := range slices.Sorted(maps.Keys(d.spec.Maps)) {
		if isSection(name) {
			continue
		}
		m := d.spec.Maps[name]
		key, value := "-", "-"
		if m.KeySize > 0 && m.Type != ebpf.PerfEventArray {
			key = typeName(m.Key, m.KeySize)
		}
		if m.Value != nil || m.ValueSize > 0 && m.Type != ebpf.PerfEventArray {
			value = typeName(m.Value, m.ValueSize)
		}
		fmt.Fprintf(d.out, "%s\t%s\t%s\t%s\t%d\n", name, m.Type, key, value, m.MaxEntries)
	}
}

func typeName(t btf.Type, size uint32) string {
	if t == nil {
		return fmt.Sprintf("%d bytes", size)
	}
	return record.Describe(t)
}

func (d *describer) globals() {
	if len(d.spec.Variables) == 0 {
		return
	}
	fmt.Fprintln(d.out, "\nGLOBAL\tTYPE\tCONSTANT")
	for _, name := range slices.Sorted(maps.Keys(d.spec.Variables)) {
		v := d.spec.Variables[name]
		var t btf.Type
		if v.Type != nil {
			t = v.Type.Type
		}
		constant := "no"
		if v.Constant() {
			constant = "yes: constants may set it"
		}
		fmt.Fprintf(d.out, "%s\t%s\t%s\n", name, typeName(t, v.Size()), constant)
	}
}

// records lists the fields of what comes out of buffers and maps.
func (d *describer) records() {
	d.sources(func(o *Output, s *source, _ error) {
		if s == nil {
			return
		}
		fmt.Fprintf(d.out, "\nFIELD of %s\tTYPE\tATTRIBUTE\n", o.source())
		for _, p := range record.Leaves(s.root) {
			fmt.Fprintf(d.out, "%s\t%s\t%s\n", p.Path, record.Describe(p.Type), guess(p).shown())
		}
	})
}

// sources visits what telemetry can be made of. src is nil if its type is not known.
func (d *describer) sources(visit func(o *Output, src *source, err error)) {
	var all []Output
	for _, name := range slices.Sorted(maps.Keys(d.spec.Maps)) {
		switch d.spec.Maps[name].Type {
		case ebpf.RingBuf, ebpf.PerfEventArray, ebpf.Hash, ebpf.LRUHash, ebpf.PerCPUHash, ebpf.LRUCPUHash, ebpf.PerCPUArray, ebpf.Array:
			if !isSection(name) && !strings.HasPrefix(name, "__bpf_usdt") {
				all = append(all, Output{Map: name})
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.spec.Variables)) {
		if !d.spec.Variables[name].Constant() {
			all = append(all, Output{Global: name})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.spec.Programs)) {
		if kindOfHook(d.spec.Programs[name]) == hookIter {
			all = append(all, Output{Iter: name})
		}
	}
	for i := range all {
		s, err := newSource(d.spec, &all[i])
		if s != nil && err != nil {
			s = nil
		}
		visit(&all[i], s, err)
	}
}

// guessed is what a field may be, by its name and type.
type guessed struct{ name, as, unit string }

func (g guessed) shown() string {
	switch {
	case g.as != "":
		return g.name + ", as " + g.as
	case g.unit != "":
		return g.name + ", unit " + g.unit
	}
	return g.name
}

// guess finds what a field is likely to be, as most programs call such fields.
func guess(p record.Place) guessed {
	leaf := p.Path
	if i := strings.LastIndexByte(leaf, '.'); i >= 0 {
		leaf = leaf[i+1:]
	}
	g := guessed{name: strings.TrimPrefix(p.Path, "key.")}
	size, _ := record.Sizeof(p.Type)
	_, isInt := btf.UnderlyingType(p.Type).(*btf.Int)
	switch leaf = strings.ToLower(leaf); {
	case (leaf == "pid" || leaf == "tgid") && isInt:
		g.name = "process.pid"
	case leaf == "ppid" && isInt:
		g.name = "process.parent_pid"
	case leaf == "tid" && isInt:
		g.name = "thread.id"
	case leaf == "comm" || leaf == "task":
		g.name = "thread.name"
	case leaf == "uid" && isInt && size == 4:
		g.name, g.as = "user.name", "user"
	case (leaf == "ret" || leaf == "err" || leaf == "errno") && isInt:
		g.name, g.as = "error.type", "return"
	case (leaf == "sig" || leaf == "signal") && isInt:
		g.as = "signal"
	case strings.Contains(leaf, "cgroup") && isInt && size == 8:
		g.name, g.as = "container.id", "container"
	case (leaf == "dev" || leaf == "device") && isInt && size == 4:
		g.name, g.as = "system.device", "device_name"
	case strings.Contains(leaf, "addr") && size == 4:
		g.as = "ipv4"
	case strings.Contains(leaf, "addr") && size == 16:
		g.as = "ipv6"
	case strings.HasSuffix(leaf, "_ns") && isInt:
		g.unit = "ns"
	case strings.HasSuffix(leaf, "_us") && isInt:
		g.unit = "us"
	case strings.HasSuffix(leaf, "_ms") && isInt:
		g.unit = "ms"
	}
	return g
}
