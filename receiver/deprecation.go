// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"fmt"
	"reflect"
	"slices"

	"go.opentelemetry.io/collector/confmap"
	"go.uber.org/zap"

	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// deprecations lists what of the receiver's interface is going to be removed, and
// what was. docs/stability.md says how long each step takes. A probe that is
// deprecated says so in its manifest; one that was removed is listed here.
func deprecations() []deprecation { return nil }

// kind is what a deprecation is about.
type kind string

const (
	configKey         kind = "configuration key"
	event             kind = "event"
	metric            kind = "metric"
	resourceAttribute kind = "resource attribute"
	probeName         kind = "probe"
)

// deprecation announces the removal of a part of the interface, or remembers it.
type deprecation struct {
	kind kind
	// name is the key's path from the receiver's section, as in
	// "probes::http::routes", or the name of the event, metric, attribute or probe.
	name string
	probe.Deprecated
	// probe produces the metric. Who does not choose it is not warned. Empty for the
	// receiver's own metrics.
	probe string
	// removed is set when the code is gone.
	removed bool
}

// path is where the configuration speaks of it, empty if it does not.
func (d *deprecation) path() string {
	switch d.kind {
	case configKey:
		return d.name
	case event:
		return "events" + confmap.KeyDelimiter + d.name
	case resourceAttribute:
		return "resource_attributes" + confmap.KeyDelimiter + d.name
	case probeName:
		return probesKey + confmap.KeyDelimiter + d.name
	default:
		return ""
	}
}

// removedError is a key of something that is no more.
type removedError struct{ deprecation }

func (e *removedError) Error() string {
	return fmt.Sprintf("%s: the %s was removed in %s; use %s", e.path(), e.kind, e.RemovedIn, e.Use)
}

// checkRemoved refuses a configuration that speaks of what was removed.
func checkRemoved(conf *confmap.Conf, all []deprecation) error {
	for _, d := range all {
		if d.removed && d.path() != "" && conf.IsSet(d.path()) {
			return &removedError{d}
		}
	}
	return nil
}

// used picks the deprecated keys that are set.
func used(conf *confmap.Conf, all []deprecation) []deprecation {
	return slices.DeleteFunc(slices.Clone(all), func(d deprecation) bool {
		return d.removed || d.kind != configKey || !conf.IsSet(d.name)
	})
}

// warnDeprecated tells of what is in use and going to be removed. Probes are told
// of when they are loaded.
func (c *Config) warnDeprecated(log *zap.Logger) {
	warn := func(d *deprecation) {
		log.Warn("The "+string(d.kind)+" is deprecated", zap.String("name", d.name), zap.String("since", d.Since),
			zap.String("removed_in", d.RemovedIn), zap.String("use", d.Use))
	}
	for i := range c.deprecatedKeys {
		warn(&c.deprecatedKeys[i])
	}
	for i := range c.deprecations {
		d := &c.deprecations[i]
		if d.removed {
			continue
		}
		switch d.kind {
		case event:
			if enabled(&c.Events, d.name) {
				warn(d)
			}
		case resourceAttribute:
			if enabled(&c.ResourceAttributes, d.name) {
				warn(d)
			}
		case metric:
			if _, chosen := c.Probes[d.probe]; chosen || d.probe == "" {
				warn(d)
			}
		}
	}
}

// enabled reads the switch of that name in a generated struct of switches.
func enabled(switches any, name string) bool {
	for field, value := range reflect.ValueOf(switches).Elem().Fields() {
		if field.Tag.Get(confmap.MapstructureTag) == name {
			on := value.FieldByName("Enabled")
			return on.IsValid() && on.Bool()
		}
	}
	return false
}

// notice is for how many minor releases what is deprecated stays, at least.
const notice = 2

// overdue says in sentences what should be gone in that version of the module and
// is not, and what is announced in another way than docs/stability.md promises.
func overdue(version string, all []deprecation, probes []probe.Factory) ([]string, error) {
	for _, f := range probes {
		if f.Manifest.Deprecated != nil {
			all = append(slices.Clip(all), deprecation{kind: probeName, name: f.Manifest.Name, Deprecated: *f.Manifest.Deprecated})
		}
	}
	now, err := parseVersion(version)
	if err != nil {
		return nil, err
	}
	var late []string
	for _, d := range all {
		then, err := parseVersion(d.RemovedIn)
		if err != nil {
			return nil, fmt.Errorf("%s %s: removed in: %w", d.kind, d.name, err)
		}
		since, err := parseVersion(d.Since)
		if err != nil {
			return nil, fmt.Errorf("%s %s: since: %w", d.kind, d.name, err)
		}
		if then[0] == since[0] && then[1] < since[1]+notice {
			late = append(late, fmt.Sprintf("the %s %s is deprecated since %s and removed in %s: that is less than %d minor releases", d.kind, d.name, d.Since, d.RemovedIn, notice))
		}
		if !d.removed && slices.Compare(now[:], then[:]) >= 0 {
			late = append(late, fmt.Sprintf("the %s %s was to be removed in %s: remove it and mark it as removed", d.kind, d.name, d.RemovedIn))
		}
		if d.Use == "" {
			late = append(late, fmt.Sprintf("the %s %s does not say what to use instead", d.kind, d.name))
		}
	}
	return late, nil
}

func parseVersion(s string) (v [3]int, err error) {
	if _, err := fmt.Sscanf(s, "%d.%d.%d", &v[0], &v[1], &v[2]); err != nil {
		return v, fmt.Errorf("%q is not a version as 1.2.3: %w", s, err)
	}
	return v, nil
}
