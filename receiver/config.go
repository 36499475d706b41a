// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ebpfreceiver/ebpfreceiver/internal/emit"
	"github.com/ebpfreceiver/ebpfreceiver/internal/limits"
	"github.com/ebpfreceiver/ebpfreceiver/internal/metadata"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// Config is the configuration of one receiver. The zero value knows no probes:
// use the factory's CreateDefaultConfig.
type Config struct {
	// CollectionInterval is the time between two collections of metrics.
	CollectionInterval time.Duration `mapstructure:"collection_interval"`
	// OnUnsupported says what happens when a probe cannot run on this kernel.
	OnUnsupported Policy `mapstructure:"on_unsupported"`
	// ExistingInstrumentation says whether spans are made of processes that were seen to
	// export spans by themselves, over OTLP. Their metrics are made in any case.
	ExistingInstrumentation Existing `mapstructure:"existing_instrumentation"`
	// Targets select processes, the first match wins. Without any, all
	// processes but the collector itself are selected.
	Targets []TargetConfig `mapstructure:"targets"`
	// Exclude beats Targets.
	Exclude []TargetConfig `mapstructure:"exclude"`
	// Retry says how telemetry is sent again that a pipeline refused for now.
	Retry emit.RetryConfig `mapstructure:"retry"`
	// DropCapabilities gives up, once the receivers of the collector run, the capabilities
	// of the process that were needed to load programs, for good and for all its
	// components. What probes need to go on is kept, as CAP_SYS_PTRACE. After that a
	// configuration cannot be reloaded: the collector ends and must be started anew.
	DropCapabilities bool `mapstructure:"drop_capabilities"`
	// Limits say how much the receiver may use before it sheds.
	Limits limits.Config `mapstructure:"limits"`
	// Probes holds the configuration of each chosen probe by the probe's name.
	// A section that is left out of the YAML file chooses every Instrument with
	// its defaults; an empty one chooses none.
	Probes map[string]any `mapstructure:"probes"`
	// Variants forces variants of probes, by the probe's name, in place of the
	// best one that the kernel can run. It is for tests and for support cases:
	// the names are those in the log at Start and in ebpfcompat, may change with
	// any release, and no message or document recommends the key.
	Variants map[string]string `mapstructure:"variants"`
	// ResourceAttributes switches resource attributes on and off.
	ResourceAttributes metadata.ResourceAttributesConfig `mapstructure:"resource_attributes"`
	// Events switches log events on and off.
	Events metadata.EventsConfig `mapstructure:"events"`

	// requested tells that Probes are those of the YAML file, not the defaults.
	requested bool
	// factories are the probes to choose from, by name.
	factories map[string]probe.Factory
	// deprecations are those of the receiver, deprecatedKeys those that are used.
	deprecations, deprecatedKeys []deprecation
}

// Policy says what to do about a probe that cannot run.
type Policy string

// The policies.
const (
	// Degrade leaves the probe out and says why.
	Degrade Policy = "degrade"
	// Fail ends Start with the same sentence.
	Fail Policy = "fail"
)

// Validate refuses all but the known policies.
func (p Policy) Validate() error {
	if p == Degrade || p == Fail {
		return nil
	}
	return fmt.Errorf("%q is not known; use %q or %q", string(p), Degrade, Fail)
}

// Existing says what happens to the spans of processes that export spans by themselves.
type Existing string

// What can be done about them.
const (
	// Skip leaves them to the process.
	Skip Existing = "skip"
	// Keep makes them all the same.
	Keep Existing = "keep"
)

// Validate refuses all but the known values.
func (e Existing) Validate() error {
	if e == Skip || e == Keep {
		return nil
	}
	return fmt.Errorf("%q is not known; use %q or %q", string(e), Skip, Keep)
}

var (
	errInterval = errors.New("must be longer than 0s")
	errFilter   = errors.New("is not supported; select processes with targets and exclude")
)

// Validate checks what the fields cannot check by themselves. The collector
// validates each field too and puts its path before the message.
func (c *Config) Validate() error {
	var errs []error
	if c.CollectionInterval <= 0 {
		errs = append(errs, fmt.Errorf("collection_interval: %w", errInterval))
	}
	for name, a := range resourceAttributes(&c.ResourceAttributes) {
		if len(a.EventsInclude) > 0 {
			errs = append(errs, fmt.Errorf("resource_attributes::%s::events_include: %w", name, errFilter))
		}
		if len(a.EventsExclude) > 0 {
			errs = append(errs, fmt.Errorf("resource_attributes::%s::events_exclude: %w", name, errFilter))
		}
	}
	for i := range c.Exclude {
		if p := &c.Exclude[i].Protocols; len(p.Forbid) > 0 || len(p.Force) > 0 {
			errs = append(errs, fmt.Errorf("exclude::%d::protocols: %w", i, errExcludedSpeaks))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Variants)) {
		if err := c.checkVariant(name, c.Variants[name]); err != nil {
			errs = append(errs, fmt.Errorf("variants::%s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// checkVariant tells whether a probe has a variant.
func (c *Config) checkVariant(name, variant string) error {
	f, err := factoryOf(name, c.factories)
	if err != nil {
		return err
	}
	if f.Instance != nil {
		return nil // its variants are known at Start
	}
	var known []string
	for _, v := range f.Manifest.Variants {
		known = append(known, v.Name)
	}
	switch {
	case slices.Contains(known, variant):
		return nil
	case len(known) == 0:
		return errors.New("the probe has no variants")
	default:
		return fmt.Errorf("the probe has no variant %q; it has %s", variant, strings.Join(known, ", "))
	}
}

func newDefaultConfig(factories map[string]probe.Factory) *Config {
	cfg := &Config{
		CollectionInterval: 10 * time.Second,
		OnUnsupported:      Degrade,
		Retry:              emit.DefaultRetryConfig(),
		Probes:             map[string]any{},
		ResourceAttributes: metadata.DefaultResourceAttributesConfig(),
		Events:             metadata.DefaultEventsConfig(),
		factories:          factories,

		ExistingInstrumentation: Skip,
	}
	for name, f := range factories {
		if m := &f.Manifest; m.Kind == probe.Instrument && m.Deprecated == nil && !m.OptIn && f.Instance == nil {
			cfg.Probes[name] = defaultProbeConfig(f)
		}
	}
	return cfg
}

// defaultProbeConfig is a new configuration of the probe, or nil when it has none.
func defaultProbeConfig(f probe.Factory) any {
	if f.DefaultConfig == nil {
		return nil
	}
	return f.DefaultConfig()
}
