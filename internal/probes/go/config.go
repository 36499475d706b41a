// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package golang

import (
	"errors"
	"fmt"
	"time"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/hits"
)

// Config is the section "go" under "probes:".
type Config struct {
	// AllowSlowUprobes also attaches where the kernel single-steps the instruction,
	// which in a virtual machine costs the observed program some 20 µs each time.
	AllowSlowUprobes bool `mapstructure:"allow_slow_uprobes"`
	// Linger is how long an executable stays attached when its last process is gone.
	Linger time.Duration `mapstructure:"linger"`
	// MaxFiles bounds the executables that are known at a time.
	MaxFiles int `mapstructure:"max_files"`
	// MaxHitsPerSecond bounds the mean rate at which a process hits the probes of one file: what
	// is busier is attached only a part of the time, and the rest is not seen. 0 means no bound.
	// A hit costs the process some 0.3 to 1 µs.
	MaxHitsPerSecond float64 `mapstructure:"max_hits_per_second"`
}

func defaultConfig() any {
	return &Config{Linger: 60 * time.Second, MaxFiles: 1024}
}

// Validate checks the bounds.
func (c *Config) Validate() error {
	var errs []error
	if c.Linger < 0 {
		errs = append(errs, fmt.Errorf("linger: %s is negative", c.Linger))
	}
	if c.MaxFiles < 1 {
		errs = append(errs, fmt.Errorf("max_files: %d is not positive", c.MaxFiles))
	}
	errs = append(errs, hits.Validate(c.MaxHitsPerSecond))
	return errors.Join(errs...)
}
