// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package dns

import (
	"errors"
	"fmt"
	"time"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/aggregate"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/tracing"
)

// MetricsConfig says how queries are aggregated.
type MetricsConfig struct {
	// Histogram is "explicit", with the conventions' boundaries, or "exponential".
	Histogram aggregate.Kind `mapstructure:"histogram"`
	// CardinalityLimit bounds the attribute sets of each process and side. What
	// exceeds it is counted with otel.metric.overflow=true.
	CardinalityLimit int `mapstructure:"cardinality_limit"`
}

// Config is the section "dns" of the receiver's configuration.
type Config struct {
	// Ports are those that servers listen on over UDP.
	Ports []uint16 `mapstructure:"ports"`
	// Answers adds to spans what a response said.
	Answers bool `mapstructure:"answers"`
	// Timeout is how long a query waits for its response.
	Timeout time.Duration `mapstructure:"timeout"`
	// MaxCapture is the most that is copied of a datagram, in bytes.
	MaxCapture uint32 `mapstructure:"max_capture"`
	// RingSize is that of the ring buffer in bytes, a power of two.
	RingSize uint32                 `mapstructure:"ring_size"`
	Sampling tracing.SamplingConfig `mapstructure:"sampling"`
	Metrics  MetricsConfig          `mapstructure:"metrics"`
}

// Bounds of bpf/include/dns.h.
const (
	maxPorts   = 8
	captureMax = 2047
	// captureMin holds a header and the longest question.
	captureMin = 271
	// mdns is the port of multicast DNS (RFC 6762), where nobody answers one query.
	mdns = 5353
)

// DefaultConfig returns a new configuration with the defaults.
func DefaultConfig() *Config {
	return &Config{
		Ports: []uint16{53}, Timeout: 10 * time.Second, MaxCapture: 512, RingSize: 1 << 20,
		Sampling: tracing.DefaultSamplingConfig(),
		Metrics:  MetricsConfig{Histogram: aggregate.ExplicitKind, CardinalityLimit: 2000},
	}
}

// Validate checks the configuration. Its errors begin with the path of the mistake.
func (c *Config) Validate() error {
	var errs []error
	if len(c.Ports) == 0 || len(c.Ports) > maxPorts {
		errs = append(errs, fmt.Errorf("ports: there must be from 1 to %d, not %d", maxPorts, len(c.Ports)))
	}
	for i, p := range c.Ports {
		if p == 0 || p == mdns {
			errs = append(errs, fmt.Errorf("ports::%d: %d is no port of a DNS server", i, p))
		}
	}
	if c.Timeout < time.Second || c.Timeout > 5*time.Minute {
		errs = append(errs, fmt.Errorf("timeout: %s is not from 1s to 5m", c.Timeout))
	}
	if c.MaxCapture < captureMin || c.MaxCapture > captureMax {
		errs = append(errs, fmt.Errorf("max_capture: %d is not from %d to %d", c.MaxCapture, captureMin, captureMax))
	}
	if c.RingSize < 64<<10 || c.RingSize > 1<<30 || c.RingSize&(c.RingSize-1) != 0 {
		errs = append(errs, fmt.Errorf("ring_size: %d is not a power of two from 65536 to 1073741824", c.RingSize))
	}
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
