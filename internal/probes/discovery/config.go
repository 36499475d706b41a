// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"errors"
	"fmt"
	"math/bits"
	"time"
)

// Config is the configuration of the Daemon.
type Config struct {
	// MaxProcesses is how many processes are known at a time, those that have
	// just ended included.
	MaxProcesses int `mapstructure:"max_processes"`
	// BufferSize is the size of the ring buffer in bytes: a power of two.
	BufferSize int `mapstructure:"buffer_size"`
	// Linger is how long a process is known after its exit, for what still
	// arrives of it.
	Linger time.Duration `mapstructure:"linger"`
}

var (
	errMaxProcesses = errors.New("must be between 1 and 4194304")
	errBufferSize   = errors.New("must be a power of two between 65536 and 1073741824")
	errLinger       = errors.New("must not be negative")
)

func defaultConfig() any {
	// A ring of 1 MiB holds some 5000 exec records of usual length. 65536 is
	// PID_MAX of most hosts, doubled.
	return &Config{MaxProcesses: 65536, BufferSize: 1 << 20, Linger: 30 * time.Second}
}

// Validate implements confmap's validator.
func (c *Config) Validate() error {
	switch {
	case c.MaxProcesses < 1 || c.MaxProcesses > 1<<22:
		return fmt.Errorf("max_processes: %w", errMaxProcesses)
	case c.BufferSize < 1<<16 || c.BufferSize > 1<<30 || bits.OnesCount(uint(c.BufferSize)) != 1:
		return fmt.Errorf("buffer_size: %w", errBufferSize)
	case c.Linger < 0:
		return fmt.Errorf("linger: %w", errLinger)
	}
	return nil
}
