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
	return func(yield func(string, metadata.ResourceAttributeConfig) bool) {
		for field, value := range reflect.ValueOf(cfg).Elem().Fields() {
			a, ok := reflect.TypeAssert[metadata.ResourceAttributeConfig](value)
			if ok && !yield(field.Tag.Get(confmap.MapstructureTag), a) {
				return
			}
		}
	}
}

// attributeEnabled makes what tells whether a resource attribute is wanted.
func (c *Config) attributeEnabled() func(name string) bool {
	disabled := map[string]bool{}
	for name, a := range resourceAttributes(&c.ResourceAttributes) {
		disabled[name] = !a.Enabled
	}
	return func(name string) bool { return !disabled[name] }
}
