// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package object

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/object/record"
)

// attributeFields compiles the attributes: those of tags, and above them those of the
// configuration.
func (c *compiler) attributeFields() error {
	type chosen struct {
		place record.Place
		attribute
	}
	var all []chosen
	at := map[string]int{}
	metricOnly := c.cfg.Log == nil && c.cfg.Span == nil
	inEnd := map[string]bool{}
	for _, p := range c.leaves() {
		a, tagged, err := fieldTag(p.Path, p.Tags)
		if err != nil {
			return err
		}
		inKey := c.isKey(p.Path)
		if !tagged && (c.cfg.Attributes != nil || metricOnly && !inKey) {
			continue
		}
		if !tagged {
			a = attribute{name: strings.TrimPrefix(p.Path, "key.")}
		}
		if c.pair != nil {
			// What both records have is told once.
			inner, ofEnd := strings.CutPrefix(p.Path, "end.")
			if !tagged {
				a.name = strings.TrimPrefix(inner, "begin.")
			}
			if inEnd[a.name] && !ofEnd {
				continue
			}
			inEnd[a.name] = inEnd[a.name] || ofEnd
		}
		at[p.Path] = len(all)
		all = append(all, chosen{p, a})
	}
	for _, path := range slices.Sorted(maps.Keys(c.cfg.Attributes)) {
		a, err := parseAttribute(path, c.cfg.Attributes[path])
		if err != nil {
			return fmt.Errorf("attributes::%s: %w", path, err)
		}
		p, err := c.src.find(path)
		if err != nil {
			return fmt.Errorf("attributes::%s: %w", path, err)
		}
		i, ok := at[canonical(c.src, path, p)]
		if !ok {
			i = len(all)
			all = append(all, chosen{})
		}
		all[i] = chosen{p, a}
	}
	owner := map[string]string{}
	for i := range all {
		if all[i].drop {
			continue
		}
		name := all[i].name
		if other, ok := owner[name]; ok {
			return fmt.Errorf("attributes::%s: the attribute %q is made of field %q, too", all[i].place.Path, name, other)
		}
		owner[name] = all[i].place.Path
		f, err := c.field(all[i].place, &all[i].attribute)
		if err != nil {
			return fmt.Errorf("attributes: %w", err)
		}
		c.fields = append(c.fields, f)
	}
	return nil
}

// leaves are the fields of the source, of joined records those of the end first.
func (c *compiler) leaves() []record.Place {
	all := record.Leaves(c.src.root)
	if c.pair != nil {
		slices.SortStableFunc(all, func(a, b record.Place) int {
			return cmp.Compare(min(b.Bit/8/uint32(c.pair.at), 1), min(a.Bit/8/uint32(c.pair.at), 1))
		})
	}
	return all
}

// isKey tells whether a path leads into the key of an entry that is one of many.
func (c *compiler) isKey(path string) bool {
	switch c.src.kind {
	case fromMap:
		return c.src.entries != 1 && (path == "key" || strings.HasPrefix(path, "key."))
	case fromGlobal:
		return c.src.entries != 1 && path == "key"
	}
	return false
}

// canonical is the path by which the leaves know a place.
func canonical(s *source, path string, p record.Place) string {
	for _, part := range append([]string{""}, s.parts...) {
		full := strings.TrimPrefix(part+"."+path, ".")
		if q, err := record.Find(s.root, full); err == nil && q.Bit == p.Bit && q.Type == p.Type {
			return full
		}
	}
	return path
}

// field compiles a field that is shown.
func (c *compiler) field(p record.Place, a *attribute) (field, error) {
	o := record.Options{Format: a.as, Scale: a.scale, Unit: a.unit}
	if a.enum != "" {
		t, err := typeOf(c.spec, a.enum)
		if err != nil {
			return field{}, fmt.Errorf("field %q: enum: %w", p.Path, err)
		}
		e, ok := btf.UnderlyingType(t).(*btf.Enum)
		if !ok {
			return field{}, fmt.Errorf("field %q: enum: %s is no enum", p.Path, record.Describe(t))
		}
		o.Enum = e
	}
	f, err := record.CompileAt(p, o)
	if err != nil {
		return field{}, err
	}
	shown := field{Field: f, name: a.name, scaled: a.scale != 0}
	if a.stacks != "" {
		m := c.spec.Maps[a.stacks]
		if m == nil || m.Type != ebpf.StackTrace {
			return field{}, fmt.Errorf("field %q: stacks: the object has no map of stack traces %q", p.Path, a.stacks)
		}
		shown.stacks = a.stacks
		if a.pid != "" {
			if shown.pid, err = c.integer("pid", a.pid); err != nil {
				return field{}, fmt.Errorf("field %q: %w", p.Path, err)
			}
		}
	}
	return shown, nil
}
