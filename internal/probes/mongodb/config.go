// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package mongodb

import "github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/db"

// Config is the section "mongodb" of the receiver's configuration.
type Config struct {
	db.Config `mapstructure:",squash"`
}

// DefaultConfig returns a new configuration with the defaults.
func DefaultConfig() *Config { return &Config{Config: db.DefaultConfig()} }
