// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package db

import (
	"errors"
	"fmt"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/aggregate"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/tracing"
)

// MetricsConfig says how exchanges are aggregated.
type MetricsConfig struct {
	// Histogram is "explicit", with the conventions' boundaries, or "exponential".
	Histogram aggregate.Kind `mapstructure:"histogram"`
	// ReturnedRows adds the metric of that name, where the protocol tells them.
	ReturnedRows bool `mapstructure:"returned_rows"`
	// CardinalityLimit bounds the attribute sets of each process and side. What
	// exceeds it is counted with otel.metric.overflow=true.
	CardinalityLimit int `mapstructure:"cardinality_limit"`
}

// Config is what all Instruments of databases have in common.
type Config struct {
	Sampling tracing.SamplingConfig `mapstructure:"sampling"`
	Metrics  MetricsConfig          `mapstructure:"metrics"`
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config {
	return Config{
		Sampling: tracing.DefaultSamplingConfig(),
		Metrics:  MetricsConfig{Histogram: aggregate.ExplicitKind, CardinalityLimit: 2000},
	}
}

// Validate checks the configuration. Its errors begin with the path of the mistake.
func (c *Config) Validate() error {
	var errs []error
	if err := c.Sampling.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("sampling::%w", err))
	}
	if err := c.Metrics.Histogram.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("metrics::histogram: %w", err))
	}
	if c.Metrics.CardinalityLimit < 1 {
		errs = append(errs, errors.New("metrics::cardinality_limit: must be at least 1"))
	}
	return errors.Join(errs...)
}
