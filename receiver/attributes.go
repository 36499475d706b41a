// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"iter"
	"reflect"

	"go.opentelemetry.io/collector/confmap"

	"github.com/ebpfreceiver/ebpfreceiver/internal/metadata"
)

// resourceAttributes goes through the generated struct: one field for each
// attribute, with the attribute's name as its tag.
func resourceAttributes(cfg *metadata.ResourceAttributesConfig) iter.Seq2[string, metadata.ResourceAttributeConfig] {
	return fields[metadata.ResourceAttributeConfig](reflect.ValueOf(cfg).Elem())
}

// disabledAttributes lists the resource attributes that are switched off.
func (c *Config) disabledAttributes() []string {
	var names []string
	for name, a := range resourceAttributes(&c.ResourceAttributes) {
		if !a.Enabled {
			names = append(names, name)
		}
	}
	return names
}

// disabledEvents lists the log events that are switched off.
func (c *Config) disabledEvents() []string {
	var names []string
	for name, e := range fields[metadata.EventConfig](reflect.ValueOf(&c.Events).Elem()) {
		if !e.Enabled {
			names = append(names, name)
		}
	}
	return names
}

func fields[T any](v reflect.Value) iter.Seq2[string, T] {
	return func(yield func(string, T) bool) {
		for field, value := range v.Fields() {
			item, ok := reflect.TypeAssert[T](value)
			if ok && !yield(field.Tag.Get(confmap.MapstructureTag), item) {
				return
			}
		}
	}
}
