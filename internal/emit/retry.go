// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package emit

import (
	"errors"
	"math/rand/v2"
	"time"
)

// RetryConfig says how a batch is sent again that a pipeline refused for now.
type RetryConfig struct {
	// Enabled false drops the batch at its first refusal.
	Enabled bool `mapstructure:"enabled"`
	// InitialInterval is the mean pause before the second attempt.
	InitialInterval time.Duration `mapstructure:"initial_interval"`
	// MaxInterval bounds the mean pause, which grows by half each time.
	MaxInterval time.Duration `mapstructure:"max_interval"`
	// MaxElapsedTime bounds the time from the first attempt to the last. 0 means for ever.
	MaxElapsedTime time.Duration `mapstructure:"max_elapsed_time"`
}

// DefaultRetryConfig returns the defaults: from 200 ms to 10 s, for 5 minutes.
func DefaultRetryConfig() RetryConfig {
	return RetryConfig{
		Enabled:         true,
		InitialInterval: 200 * time.Millisecond,
		MaxInterval:     10 * time.Second,
		MaxElapsedTime:  5 * time.Minute,
	}
}

// Validate checks the configuration.
func (c *RetryConfig) Validate() error {
	if !c.Enabled {
		return nil
	}
	var errs []error
	if c.InitialInterval <= 0 {
		errs = append(errs, errors.New("initial_interval: must be greater than 0"))
	}
	if c.MaxInterval < c.InitialInterval {
		errs = append(errs, errors.New("max_interval: must not be less than initial_interval"))
	}
	if c.MaxElapsedTime < 0 {
		errs = append(errs, errors.New("max_elapsed_time: must not be negative"))
	}
	return errors.Join(errs...)
}

// backoff is the state of the retries of one batch.
type backoff struct {
	cfg     *RetryConfig
	next    time.Duration
	started time.Time
}

func newBackoff(cfg *RetryConfig) backoff {
	return backoff{cfg: cfg, next: cfg.InitialInterval, started: time.Now()}
}

// pause returns the time to wait before the next attempt, with up to a half
// of it more or less at random, or false when no attempt is left.
func (b *backoff) pause() (time.Duration, bool) {
	if !b.cfg.Enabled {
		return 0, false
	}
	d := b.next/2 + rand.N(b.next+1)
	if b.cfg.MaxElapsedTime > 0 && time.Since(b.started)+d > b.cfg.MaxElapsedTime {
		return 0, false
	}
	b.next = min(b.next+b.next/2, b.cfg.MaxInterval)
	return d, true
}
