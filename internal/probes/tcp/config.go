// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"errors"
	"fmt"
)

// Config is the section "tcp" of the receiver's configuration.
type Config struct {
	// ServerPeers adds the other end's address to what a server counts: one series for each
	// client.
	ServerPeers bool `mapstructure:"server_peers"`
	// MaxSeries bounds what is kept in the kernel: the other ends of all processes, times
	// the shares of the processors. What exceeds it is counted for each process with
	// otel.metric.overflow=true.
	MaxSeries uint32 `mapstructure:"max_series"`
	// MaxSockets bounds the connections and listeners that are known at a time.
	MaxSockets uint32 `mapstructure:"max_sockets"`
}

// DefaultConfig returns a new configuration with the defaults: 15 MiB of series and 5 MiB
// of sockets.
func DefaultConfig() *Config { return &Config{MaxSeries: 4096, MaxSockets: 32768} }

// Validate implements confmap's validator.
func (c *Config) Validate() error {
	var errs []error
	if c.MaxSeries < 64 || c.MaxSeries > 1<<20 {
		errs = append(errs, fmt.Errorf("max_series: %d is not from 64 to 1048576", c.MaxSeries))
	}
	if c.MaxSockets < 64 || c.MaxSockets > 1<<22 {
		errs = append(errs, fmt.Errorf("max_sockets: %d is not from 64 to 4194304", c.MaxSockets))
	}
	return errors.Join(errs...)
}
