// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package filesystem

import (
	"errors"
	"fmt"
	"time"
)

// Config is the section "filesystem" of the receiver's configuration.
type Config struct {
	// Threshold is the time from which on operations are measured. Below it they are counted
	// as filtered, at the least cost. 0 measures all.
	Threshold time.Duration `mapstructure:"threshold"`
	// Slow makes log records.
	Slow SlowConfig `mapstructure:"slow"`
	// MaxSeries bounds what is kept in the kernel: the processes, times the filesystems and
	// operations of each, times the shares of the processors that they ran on.
	MaxSeries uint32 `mapstructure:"max_series"`
}

// SlowConfig says which operations a log record is made of.
type SlowConfig struct {
	// Threshold is the time from which on an operation is slow. 0: there are no records.
	Threshold time.Duration `mapstructure:"threshold"`
	// PerSecond bounds the records of the host. What exceeds it counts as sampled out.
	PerSecond uint32 `mapstructure:"per_second"`
	// Paths adds the path of the file, which may tell more than is wanted.
	Paths bool `mapstructure:"paths"`
}

// DefaultConfig returns a new configuration with the defaults: 4 MiB of series.
func DefaultConfig() *Config {
	return &Config{Threshold: 100 * time.Microsecond, Slow: SlowConfig{PerSecond: 10}, MaxSeries: 2048}
}

// Validate implements confmap's validator.
func (c *Config) Validate() error {
	var errs []error
	if c.Threshold < 0 || c.Threshold > time.Minute {
		errs = append(errs, fmt.Errorf("threshold: %s is not from 0s to 1m", c.Threshold))
	}
	if s := c.Slow.Threshold; s != 0 && (s < c.Threshold || s < 0) {
		errs = append(errs, fmt.Errorf("slow::threshold: %s is below threshold, %s", s, c.Threshold))
	}
	if c.Slow.PerSecond < 1 || c.Slow.PerSecond > 1000 {
		errs = append(errs, fmt.Errorf("slow::per_second: %d is not from 1 to 1000", c.Slow.PerSecond))
	}
	if c.MaxSeries < 64 || c.MaxSeries > 1<<20 {
		errs = append(errs, fmt.Errorf("max_series: %d is not from 64 to 1048576", c.MaxSeries))
	}
	return errors.Join(errs...)
}
