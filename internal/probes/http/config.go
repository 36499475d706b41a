// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/aggregate"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/tracing"
)

// Histogram names of Config.Metrics.Histogram.
const (
	HistogramExplicit    = aggregate.ExplicitKind
	HistogramExponential = aggregate.ExponentialKind
)

// Config is the section "http" of the receiver's configuration.
type Config struct {
	// Routes are path patterns, as "/users/{id}" and "/static/{path...}". The most
	// specific one that matches is the http.route of a server's exchange.
	Routes []string `mapstructure:"routes"`
	// CaptureHeaders names header fields that become attributes of spans.
	CaptureHeaders HeadersConfig `mapstructure:"capture_headers"`
	// RedactQuery names further query parameters whose values are secret. Those
	// that the conventions name always are. Case matters.
	RedactQuery []string `mapstructure:"redact_query"`
	// BodySizes adds the sizes of bodies to spans.
	BodySizes bool           `mapstructure:"body_sizes"`
	Sampling  SamplingConfig `mapstructure:"sampling"`
	Metrics   MetricsConfig  `mapstructure:"metrics"`
}

// HeadersConfig names header fields, in any case.
type HeadersConfig struct {
	Request  []string `mapstructure:"request"`
	Response []string `mapstructure:"response"`
}

// SamplingConfig says which traces are kept. Metrics count all exchanges.
type SamplingConfig = tracing.SamplingConfig

// MetricsConfig says how exchanges are aggregated.
type MetricsConfig struct {
	// Histogram is "explicit", with the conventions' boundaries, or "exponential".
	Histogram aggregate.Kind `mapstructure:"histogram"`
	// BodySizes adds the metrics of body sizes.
	BodySizes bool `mapstructure:"body_sizes"`
	// ServerAddress adds server.address and server.port to servers' metrics.
	// Anyone who sends a Host header can make new values of it.
	ServerAddress bool `mapstructure:"server_address"`
	// CardinalityLimit bounds the attribute sets of each process and side. What
	// exceeds it is counted with otel.metric.overflow=true.
	CardinalityLimit int `mapstructure:"cardinality_limit"`
}

// DefaultConfig returns a new configuration with the defaults.
func DefaultConfig() *Config {
	return &Config{
		Sampling: tracing.DefaultSamplingConfig(),
		Metrics:  MetricsConfig{Histogram: HistogramExplicit, CardinalityLimit: 2000},
	}
}

// Validate checks the configuration. Its errors begin with the path of the mistake.
func (c *Config) Validate() error {
	_, err := newRouter(c.Routes)
	errs := []error{err}
	for i, name := range c.CaptureHeaders.Request {
		errs = append(errs, checkHeader("request", i, name))
	}
	for i, name := range c.CaptureHeaders.Response {
		errs = append(errs, checkHeader("response", i, name))
	}
	for i, key := range c.RedactQuery {
		if key == "" || strings.ContainsAny(key, "&=#") {
			errs = append(errs, fmt.Errorf("redact_query[%d]: %q is not the name of a query parameter", i, key))
		}
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

func checkHeader(side string, i int, name string) error {
	for _, r := range name {
		if r <= ' ' || r >= 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?={}`, r) {
			name = ""
			break
		}
	}
	if name == "" {
		return fmt.Errorf("capture_headers::%s[%d]: not the name of a header field", side, i)
	}
	return nil
}
