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
	// Zones names networks: what is told of the other end's address has the name of the first
	// one that holds it, as ebpf.network.peer.zone.
	Zones []Zone `mapstructure:"zones"`
	// FailureRecords makes log records of connections that processes could not open, so many
	// per second at most; 0 makes none.
	FailureRecords uint32 `mapstructure:"failure_records"`
	// MaxSeries bounds what is kept in the kernel: the other ends of all processes, times
	// the shares of the processors. What exceeds it is counted for each process with
	// otel.metric.overflow=true.
	MaxSeries uint32 `mapstructure:"max_series"`
	// MaxSockets bounds the connections and listeners that are known at a time.
	MaxSockets uint32 `mapstructure:"max_sockets"`
}

// Zone is a part of the network.
type Zone struct {
	Name string `mapstructure:"name"`
	// CIDRs are its addresses, as in 10.0.0.0/8 or 2001:db8::/32.
	CIDRs []string `mapstructure:"cidrs"`
}

// maxFailureRecords bounds the records per second: more than that is not read, but counted.
const maxFailureRecords = 1000

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
	if c.FailureRecords > maxFailureRecords {
		errs = append(errs, fmt.Errorf("failure_records: %d is more than %d", c.FailureRecords, maxFailureRecords))
	}
	if _, err := c.networks(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
