// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"

	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

var _ confmap.Unmarshaler = (*Config)(nil)

const (
	probesKey = "probes"
	// variantsKey is for tests and support cases: it works, but is not offered.
	variantsKey = "variants"
)

// Unmarshal fills in the configuration. Each section under "probes:" goes into
// the configuration struct of the probe of that name. Keys and probes that do
// not exist are errors which name those that do.
func (c *Config) Unmarshal(conf *confmap.Conf) error {
	if err := checkPlatform(); err != nil {
		return err
	}
	if conf == nil {
		return nil
	}
	if err := checkRemoved(conf, c.deprecations); err != nil {
		return err
	}
	c.deprecatedKeys = used(conf, c.deprecations)
	if err := checkKeys(conf, reflect.TypeFor[Config]()); err != nil {
		return err
	}
	// The probes' sections are of types that only their factories know.
	rest := confmap.New()
	if err := rest.Merge(conf); err != nil {
		return err
	}
	rest.Delete(probesKey)
	type plain Config // without this method
	if err := rest.Unmarshal((*plain)(c)); err != nil {
		return err
	}
	if conf.Get(probesKey) == nil {
		return nil
	}
	sections, err := conf.Sub(probesKey)
	if err != nil {
		return fmt.Errorf("%s: must be a map of probe names to their configuration: %w", probesKey, err)
	}
	c.Probes, err = unmarshalProbes(sections, c.factories)
	c.requested = true
	return err
}

func unmarshalProbes(sections *confmap.Conf, factories map[string]probe.Factory) (map[string]any, error) {
	probes := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(sections.ToStringMap())) {
		path := probesKey + confmap.KeyDelimiter + name
		f, err := factoryOf(name, factories)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		section, err := sections.Sub(name)
		if err != nil {
			return nil, fmt.Errorf("%s: must be a map: %w", path, err)
		}
		cfg := defaultProbeConfig(f)
		if err := unmarshalProbe(section, cfg); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		probes[name] = cfg
	}
	return probes, nil
}

// factoryOf finds the factory for a section: by its name, or by the type before the slash
// where there may be several of a type, as in "object/slow".
func factoryOf(name string, factories map[string]probe.Factory) (probe.Factory, error) {
	kind, instance, named := strings.Cut(name, "/")
	f, ok := factories[kind]
	switch {
	case !ok:
		known := slices.Sorted(maps.Keys(factories))
		for i, name := range known {
			if factories[name].Instance != nil {
				known[i] += "/NAME"
			}
		}
		return f, fmt.Errorf("there is no such probe; known are %s", strings.Join(known, ", "))
	case f.Instance == nil && named:
		return f, fmt.Errorf("there is only one probe %s, which has no name", kind)
	case f.Instance == nil:
		return f, nil
	case !named:
		return f, fmt.Errorf("it needs a name, as in %s/mine", kind)
	}
	var id component.ID
	if err := id.UnmarshalText([]byte(name)); err != nil || id.Name() != instance {
		return f, fmt.Errorf("%q is no name of a probe: it follows the rules for names of components", instance)
	}
	return f, nil
}

func unmarshalProbe(section *confmap.Conf, cfg any) error {
	if cfg == nil {
		if keys := section.AllKeys(); len(keys) > 0 {
			return fmt.Errorf("has no configuration, but %q is set", keys[0])
		}
		return nil
	}
	t := reflect.TypeOf(cfg).Elem()
	if _, ok := cfg.(confmap.Unmarshaler); !ok && t.Kind() == reflect.Struct {
		if err := checkKeys(section, t); err != nil {
			return err
		}
	}
	return section.Unmarshal(cfg)
}

// checkKeys tells the keys of conf that are no field of the struct t. It leaves
// deeper levels to mapstructure, which knows them but names no alternatives.
func checkKeys(conf *confmap.Conf, t reflect.Type) error {
	known := map[string]bool{}
	addKeys(known, t)
	for _, key := range slices.Sorted(maps.Keys(conf.ToStringMap())) {
		if !known[key] {
			delete(known, variantsKey)
			return fmt.Errorf("%s: there is no such key; known are %s", key, list(maps.Keys(known)))
		}
	}
	return nil
}

func addKeys(known map[string]bool, t reflect.Type) {
	for field := range t.Fields() {
		tag := field.Tag.Get(confmap.MapstructureTag)
		name, options, _ := strings.Cut(tag, ",")
		switch {
		case !field.IsExported() || name == "-":
		case strings.Contains(options, "squash"):
			addKeys(known, field.Type)
		case name == "":
			known[strings.ToLower(field.Name)] = true
		default:
			known[name] = true
		}
	}
}

func list(names func(func(string) bool)) string {
	return strings.Join(slices.Sorted(names), ", ")
}
