// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package object

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// Config is the configuration of one object.
type Config struct {
	// File is the object, where there is only one.
	File `mapstructure:",squash"`
	// Variants are several objects, or several choices of programs of one, that do the same,
	// best first: the first one that the kernel supports is loaded.
	Variants []Variant `mapstructure:"variants"`
	// Constants are values of global variables, by name. They are set before the object
	// is loaded.
	Constants map[string]any `mapstructure:"constants"`
	// Maps changes maps, by name.
	Maps map[string]MapConfig `mapstructure:"maps"`
	// Attach completes or replaces what the section's name says of a program, by its name.
	Attach map[string]AttachConfig `mapstructure:"attach"`
	// Outputs are what telemetry is made of.
	Outputs []Output `mapstructure:"outputs"`
	// Losses name what the object counts itself: a global variable or an array, by the cause.
	Losses map[string]string `mapstructure:"losses"`
	// Limits bound what the object may use.
	Limits Limits `mapstructure:"limits"`
	// AllowSideEffects admits programs that change the system.
	AllowSideEffects bool `mapstructure:"allow_side_effects"`
	// AllowEnforcement admits programs that decide what happens.
	AllowEnforcement bool `mapstructure:"allow_enforcement"`
}

// File is an object and which of its programs are taken.
type File struct {
	// Path is that of the object's file.
	Path string `mapstructure:"path"`
	// SHA256 is the hash that the file must have, in hexadecimal digits. Without it the
	// file must belong to root and be writable for nobody else.
	SHA256 string `mapstructure:"sha256"`
	// Programs are those to load; none means all but those whose section begins with
	// a question mark.
	Programs []string `mapstructure:"programs"`
}

// Variant is one of several ways to the same.
type Variant struct {
	Name string `mapstructure:"name"`
	File `mapstructure:",squash"`
	// Loses says what this variant cannot see, in short clauses.
	Loses []string `mapstructure:"loses"`
}

// MapConfig changes a map.
type MapConfig struct {
	// MaxEntries is its size, in entries or, for a ring buffer, bytes.
	MaxEntries uint32 `mapstructure:"max_entries"`
	// ValueSize is the size of a value in bytes, where the object leaves it to its loader, as
	// that of stacks.
	ValueSize uint32 `mapstructure:"value_size"`
	// PerCPU is the size in bytes of the buffer of each CPU, of a perf buffer.
	PerCPU int `mapstructure:"per_cpu_buffer"`
}

// Limits bound what an object uses.
type Limits struct {
	// MapMemory is the most that the object's maps may take, in bytes.
	MapMemory uint64 `mapstructure:"map_memory"`
	// EventsPerSecond is the most records that are made into telemetry; those beyond
	// are counted as lost.
	EventsPerSecond uint32 `mapstructure:"events_per_second"`
	// Cardinality is the most sets of attributes of each metric.
	Cardinality int `mapstructure:"cardinality"`
}

func defaultConfig() any {
	return &Config{Limits: Limits{MapMemory: 256 << 20, EventsPerSecond: 100_000, Cardinality: 2000}}
}

var hash = regexp.MustCompile(`^[0-9a-fA-F]{64}$`)

func (f *File) validate() error {
	var errs []error
	switch {
	case f.Path == "":
		errs = append(errs, errors.New("path: the object's file is missing"))
	case !filepath.IsAbs(f.Path):
		errs = append(errs, fmt.Errorf("path: %q is not absolute", f.Path))
	}
	if f.SHA256 != "" && !hash.MatchString(f.SHA256) {
		errs = append(errs, fmt.Errorf("sha256: %q is not 64 hexadecimal digits", f.SHA256))
	}
	return errors.Join(errs...)
}

// Validate checks what can be checked without the object.
func (c *Config) Validate() error {
	var errs []error
	add := func(path string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", path, err))
		}
	}
	if len(c.Variants) == 0 {
		if err := c.File.validate(); err != nil {
			errs = append(errs, err)
		}
	} else if c.Path != "" || c.SHA256 != "" || len(c.Programs) > 0 {
		errs = append(errs, errors.New("path, sha256 and programs belong to each of the variants, where there are variants"))
	}
	names := map[string]bool{}
	for i := range c.Variants {
		v := &c.Variants[i]
		path := fmt.Sprintf("variants::%d", i)
		add(path, v.validate())
		if v.Name == "" {
			add(path, errors.New("name: a variant needs one"))
		} else if names[v.Name] {
			add(path, fmt.Errorf("name: another variant is called %q", v.Name))
		}
		names[v.Name] = true
	}
	for cause := range maps.Keys(c.Losses) {
		if _, err := causeOf(cause); err != nil {
			add("losses", err)
		}
	}
	if c.Limits.Cardinality <= 0 || c.Limits.EventsPerSecond == 0 || c.Limits.MapMemory == 0 {
		errs = append(errs, errors.New("limits: all must be greater than 0"))
	}
	for i := range c.Outputs {
		add(fmt.Sprintf("outputs::%d", i), c.Outputs[i].check())
	}
	return errors.Join(errs...)
}

// variants are the ways to load the object, best first.
func (c *Config) variants() []Variant {
	if len(c.Variants) > 0 {
		return c.Variants
	}
	return []Variant{{Name: "object", File: c.File}}
}

// causeOf finds a cause of loss by its name.
func causeOf(name string) (probe.Cause, error) {
	var known []string
	for c := range probe.NumCauses {
		if c.String() == name {
			return c, nil
		}
		known = append(known, c.String())
	}
	return 0, fmt.Errorf("%q is no cause of a loss; known are %s", name, strings.Join(known, ", "))
}
