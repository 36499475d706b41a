// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package object

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/object/record"
)

var notInName = regexp.MustCompile(`[^a-z0-9_]+`)

// section writes a section of the configuration. What somebody has to fill in stands in
// comments.
func (d *describer) section() string {
	base := filepath.Base(d.path)
	for _, suffix := range []string{".o", ".bpf", "_bpfel"} {
		base = strings.TrimSuffix(base, suffix)
	}
	name := strings.Trim(notInName.ReplaceAllString(strings.ToLower(base), "_"), "_")
	if name == "" {
		name = "mine"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "receivers:\n  ebpf:\n    probes:\n      object/%s:\n        path: %q\n        sha256: %x # or let the file belong to root\n", name, d.path, d.sum)
	d.constants(&b)
	d.sizes(&b)
	d.attach(&b)
	d.outputs(&b, name)
	return b.String()
}

func (d *describer) constants(b *strings.Builder) {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(d.spec.Variables)) {
		if v := d.spec.Variables[name]; v.Constant() && v.Type != nil && v.SectionName == ".rodata" {
			t := "value"
			if _, ok := btf.UnderlyingType(v.Type.Type).(*btf.Struct); ok {
				continue
			}
			if u := btf.UnderlyingType(v.Type.Type); u != nil {
				t = record.Describe(v.Type.Type)
			}
			lines = append(lines, fmt.Sprintf("        #   %s: … # %s\n", name, t))
		}
	}
	if len(lines) > 0 {
		b.WriteString("        # constants:\n" + strings.Join(lines, ""))
	}
}

// sizes proposes those of maps that the object leaves to its loader.
func (d *describer) sizes(b *strings.Builder) {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(d.spec.Maps)) {
		var keys []string
		m := d.spec.Maps[name]
		if m.MaxEntries == 0 && needsSize(m.Type) {
			keys = append(keys, "max_entries: 16384")
		}
		if m.ValueSize == 0 && needsValue(m.Type) {
			keys = append(keys, fmt.Sprintf("value_size: %d", 8*maxStack))
		}
		if len(keys) > 0 {
			lines = append(lines, fmt.Sprintf("          %s: {%s} # the object leaves it open\n", name, strings.Join(keys, ", ")))
		}
	}
	if len(lines) > 0 {
		b.WriteString("        maps:\n" + strings.Join(lines, ""))
	}
}

// attach lists the programs whose sections do not say where they attach.
func (d *describer) attach(b *strings.Builder) {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(d.spec.Programs)) {
		p := d.spec.Programs[name]
		if strings.HasPrefix(p.SectionName, "?") {
			continue
		}
		if err := checkAttach(p, AttachConfig{}, d.spec); err != nil {
			lines = append(lines, fmt.Sprintf("        #   %s: {…} # %v\n", name, err))
		}
	}
	if len(lines) > 0 {
		b.WriteString("        # attach:\n" + strings.Join(lines, ""))
	}
}

func (d *describer) outputs(b *strings.Builder, prefix string) {
	b.WriteString("        outputs:\n")
	d.sources(func(o *Output, s *source, err error) {
		key, name := "map", o.Map
		switch {
		case o.Global != "":
			key, name = "global", o.Global
		case o.Iter != "":
			key, name = "iter", o.Iter
		}
		if _, ok := errors.AsType[*untypedError](err); ok {
			fmt.Fprintf(b, "          # The object does not tell the type of these records: declare it as its source does, or name a struct of it with type.\n"+
				"          # - %s: %s\n          #   layout: \"__u32 pid; char comm[16];\"\n          #   log: {name: %s.%s}\n", key, name, prefix, name)
			return
		}
		if err != nil {
			fmt.Fprintf(b, "          # %s: %v\n", name, err)
			return
		}
		if s.kind == fromBuffer {
			d.log(b, s, prefix)
			return
		}
		d.metric(b, key, name, s, prefix)
	})
}

// log makes a log record of each record, with all fields.
func (d *describer) log(b *strings.Builder, s *source, prefix string) {
	fmt.Fprintf(b, "          - map: %s\n            log: {name: %s.%s}\n            attributes:\n", s.name, prefix, s.name)
	taken := map[string]bool{}
	for _, p := range record.Leaves(s.root) {
		g := guess(p)
		if taken[g.name] {
			g.name = p.Path
		}
		taken[g.name] = true
		switch {
		case g.as != "":
			fmt.Fprintf(b, "              %s: {name: %s, as: %s}\n", p.Path, g.name, g.as)
		case g.unit != "":
			fmt.Fprintf(b, "              %s: {name: %s, unit: %s} # in seconds\n", p.Path, g.name, g.unit)
		default:
			fmt.Fprintf(b, "              %s: %s\n", p.Path, g.name)
		}
	}
}

// metric makes metrics of a map's values: what looks like the buckets of a histogram becomes one,
// numbers become sums.
func (d *describer) metric(b *strings.Builder, key, name string, s *source, prefix string) {
	metric := func(m *Metric) bool {
		o := &Output{Map: name, Metric: m}
		if key == "global" {
			o = &Output{Global: name, Metric: m}
		}
		_, err := newOutput(d.spec, o)
		return err == nil
	}
	what := prefix + "." + name
	if m := d.spec.Maps[name]; key == "map" && m.Type == ebpf.Array && len(m.Contents) > 0 {
		return
	}
	if hasArray(s) && metric(&Metric{Name: what, Type: ExponentialHistogram}) {
		fmt.Fprintf(b, "          - %s: %s\n            metric: {name: %s, type: exponential_histogram}\n", key, name, what)
		return
	}
	if metric(&Metric{Name: what, Type: Sum}) {
		fmt.Fprintf(b, "          - %s: %s\n            metric: {name: %s, type: sum}\n", key, name, what)
		return
	}
	for _, p := range record.Leaves(s.root) {
		path := strings.TrimPrefix(p.Path, "value.")
		if _, pointer := btf.UnderlyingType(p.Type).(*btf.Pointer); pointer {
			continue // a place in memory sums up to nothing
		}
		if path == p.Path || !metric(&Metric{Name: what, Type: Sum, Value: path}) {
			continue
		}
		fmt.Fprintf(b, "          - %s: %s\n            metric: {name: %s.%s, type: sum, value: %s}\n", key, name, what, path, path)
	}
}

func hasArray(s *source) bool {
	return slices.ContainsFunc(record.Leaves(s.root), func(p record.Place) bool {
		a, ok := btf.UnderlyingType(p.Type).(*btf.Array)
		return ok && isCounter(a.Type)
	})
}
