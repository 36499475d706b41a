// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package messaging

import (
	"errors"
	"fmt"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/aggregate"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/tracing"
)

// MetricsConfig says how operations are aggregated.
type MetricsConfig struct {
	// Histogram is "explicit", with the conventions' boundaries, or "exponential".
	Histogram aggregate.Kind `mapstructure:"histogram"`
	// Destinations adds messaging.destination.name. Temporary ones are never added.
	Destinations bool `mapstructure:"destinations"`
	// CardinalityLimit bounds the attribute sets of each process and side. What
	// exceeds it is counted with otel.metric.overflow=true.
	CardinalityLimit int `mapstructure:"cardinality_limit"`
}

// Config is the section "messaging" of the receiver's configuration.
type Config struct {
	Sampling tracing.SamplingConfig `mapstructure:"sampling"`
	Metrics  MetricsConfig          `mapstructure:"metrics"`
	// MessageIDs adds messaging.message.id and messaging.message.conversation_id to spans.
	MessageIDs bool `mapstructure:"message_ids"`
	// EmptyPolls keeps what consumers of Kafka asked for and did not get: a poll that waited in
	// vain. Without it they are filtered.
	EmptyPolls bool `mapstructure:"empty_polls"`
}

// DefaultConfig returns a new configuration with the defaults.
func DefaultConfig() *Config {
	return &Config{
		Sampling:   tracing.DefaultSamplingConfig(),
		Metrics:    MetricsConfig{Histogram: aggregate.ExplicitKind, Destinations: true, CardinalityLimit: 2000},
		MessageIDs: true,
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
