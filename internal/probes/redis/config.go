// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package redis

import "github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/db"

// Config is the section "redis" of the receiver's configuration.
type Config struct {
	db.Config `mapstructure:",squash"`
	// Keys adds db.query.text to spans: the command with its keys, all other arguments
	// replaced by "?".
	Keys bool `mapstructure:"keys"`
}

// DefaultConfig returns a new configuration with the defaults.
func DefaultConfig() *Config { return &Config{Config: db.DefaultConfig()} }
