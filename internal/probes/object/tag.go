// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package object

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"go.opentelemetry.io/collector/confmap"
)

// tagPrefix begins the btf_decl_tag strings that are for this receiver. What follows is
// YAML: on a map or global variable the section of an output, on a member of a record's
// struct that of an attribute.
const tagPrefix = "otel:"

// tagged gives the YAML of a tag for the receiver, and whether there is one.
func tagged(tags []string) (string, bool) {
	for _, t := range tags {
		if text, ok := strings.CutPrefix(t, tagPrefix); ok {
			return strings.TrimSpace(text), true
		}
	}
	return "", false
}

// fieldTag reads the tag of a member.
func fieldTag(path string, tags []string) (a attribute, found bool, err error) {
	text, found := tagged(tags)
	if !found {
		return a, false, nil
	}
	v, err := parseYAML(text)
	if err != nil {
		return a, true, fmt.Errorf("tag of field %q: %w", path, err)
	}
	a, err = parseAttribute(path, v)
	if err != nil {
		return a, true, fmt.Errorf("tag of field %q: %w", path, err)
	}
	return a, true, nil
}

func parseYAML(text string) (any, error) {
	r, err := confmap.NewRetrievedFromYAML([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("%q is no YAML: %w", text, err)
	}
	return r.AsRaw()
}

// outputTag reads the tag of a map or variable into an output.
func outputTag(what string, tags []string, o *Output) (found bool, err error) {
	text, found := tagged(tags)
	if !found {
		return false, nil
	}
	v, err := parseYAML(text)
	if err != nil {
		return true, fmt.Errorf("tag of %s: %w", what, err)
	}
	section, ok := v.(map[string]any)
	if !ok {
		return true, fmt.Errorf("tag of %s: %q is no section of an output", what, text)
	}
	if err := confmap.NewFromStringMap(section).Unmarshal(o); err != nil {
		return true, fmt.Errorf("tag of %s: %w", what, err)
	}
	return true, nil
}

// outputs are those of the configuration, completed by those that the object's tags say. An
// output of the configuration takes the place of what the tag of the same source says.
func outputs(cfg *Config, spec *ebpf.CollectionSpec) ([]Output, error) {
	all := slices.Clone(cfg.Outputs)
	configured := map[string]bool{}
	for i := range all {
		configured[all[i].source()] = true
	}
	add := func(o Output, what string, tags []string) error {
		if configured[what] {
			return nil
		}
		found, err := outputTag(what, tags, &o)
		if err != nil || !found {
			return err
		}
		if err := o.check(); err != nil {
			return fmt.Errorf("tag of %s: %w", what, err)
		}
		all = append(all, o)
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(spec.Maps)) {
		if err := add(Output{Map: name}, "map "+name, spec.Maps[name].Tags); err != nil {
			return nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(spec.Variables)) {
		if v := spec.Variables[name]; v.Type != nil {
			if err := add(Output{Global: name}, "global variable "+name, v.Type.Tags); err != nil {
				return nil, err
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(spec.Programs)) {
		insns := spec.Programs[name].Instructions
		if len(insns) == 0 {
			continue
		}
		if fn := btf.FuncMetadata(&insns[0]); fn != nil {
			if err := add(Output{Iter: name}, "iterator "+name, fn.Tags); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}
