// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package memory

import "fmt"

// Config is the section "memory" of the receiver's configuration.
type Config struct {
	// MaxProcesses bounds the processes that are counted at a time.
	MaxProcesses uint32 `mapstructure:"max_processes"`
	// OOMKills makes a log record of each process that the out-of-memory killer chooses.
	OOMKills bool `mapstructure:"oom_kills"`
}

// DefaultConfig returns a new configuration with the defaults: 2 MiB.
func DefaultConfig() *Config { return &Config{MaxProcesses: 16384, OOMKills: true} }

// Validate implements confmap's validator.
func (c *Config) Validate() error {
	if c.MaxProcesses < 64 || c.MaxProcesses > 1<<22 {
		return fmt.Errorf("max_processes: %d is not from 64 to 4194304", c.MaxProcesses)
	}
	return nil
}
