// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package memcached

import "github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/db"

// Config is the section "memcached" of the receiver's configuration.
type Config struct {
	db.Config `mapstructure:",squash"`
	// Keys adds db.query.text to spans: the command with its keys and nothing else.
	Keys bool `mapstructure:"keys"`
}

// DefaultConfig returns a new configuration with the defaults.
func DefaultConfig() *Config { return &Config{Config: db.DefaultConfig()} }
