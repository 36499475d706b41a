// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package object

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/object/record"
)

// attribute says how a field becomes an attribute.
type attribute struct {
	drop bool
	name string
	// as is the form of the value, auto by its type.
	as record.Format
	// scale is what a number is multiplied by.
	scale float64
	// unit is that of the field. Times become seconds, as conventions want.
	unit string
	// enum is the type that gives numbers names.
	enum string
	// stacks is the map of stack traces that a stack ID is from, and pid the field of the
	// process that it is a stack of.
	stacks, pid string
}

// parseAttribute reads what is configured for a field, or is in its tag: a name, a map,
// or false.
func parseAttribute(path string, v any) (attribute, error) {
	a := attribute{name: path}
	switch v := v.(type) {
	case nil:
		return a, nil
	case bool:
		a.drop = !v
		return a, nil
	case string:
		if v == "" {
			return a, errors.New("the name is empty; false leaves the field out")
		}
		a.name = v
		return a, nil
	case map[string]any:
		return a, a.options(v)
	default:
		return a, fmt.Errorf("it must be a name, a map or false, not %v", v)
	}
}

func (a *attribute) options(options map[string]any) error {
	texts := map[string]*string{"name": &a.name, "as": (*string)(&a.as), "unit": &a.unit, "enum": &a.enum, "stacks": &a.stacks, "pid": &a.pid}
	for _, key := range slices.Sorted(maps.Keys(options)) {
		v := options[key]
		if key == "scale" {
			switch n := v.(type) {
			case int:
				a.scale = float64(n)
			case float64:
				a.scale = n
			default:
				return fmt.Errorf("scale: %v is no number", v)
			}
			if a.scale == 0 {
				return errors.New("scale: it must not be 0")
			}
			continue
		}
		into, ok := texts[key]
		if !ok {
			known := append(slices.Sorted(maps.Keys(texts)), "scale")
			return fmt.Errorf("%s: there is no such key; known are %s", key, strings.Join(known, ", "))
		}
		text, ok := v.(string)
		if !ok {
			return fmt.Errorf("%s: %v is no text", key, v)
		}
		*into = text
	}
	if a.name == "" {
		return errors.New("name: it is empty")
	}
	if a.unit != "" {
		ns, err := unitOf(a.unit)
		if err != nil {
			return fmt.Errorf("unit: %w", err)
		}
		if a.scale != 0 {
			return errors.New("unit and scale exclude each other")
		}
		a.scale = ns / 1e9
	}
	if a.as == "" && a.enum != "" {
		a.as = record.EnumName
	}
	if err := a.as.Validate(); err != nil {
		return fmt.Errorf("as: %w", err)
	}
	if (a.as == record.KStack || a.as == record.UStack) && a.stacks == "" {
		return errors.New("stacks: name the map of stack traces that the ID is of")
	}
	return nil
}
