// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"errors"
	"fmt"
)

// Config is the section "socket" under "probes:". It is only needed to change
// a default: the Daemon is loaded when another probe needs it.
type Config struct {
	// RingSize is that of the ring buffer in bytes, a power of two.
	RingSize uint32 `mapstructure:"ring_size"`
	// MaxRequestCapture is the most that is copied of a request, in bytes.
	MaxRequestCapture uint32 `mapstructure:"max_request_capture"`
	// MaxResponseCapture is the most that is copied of a response, in bytes.
	MaxResponseCapture uint32 `mapstructure:"max_response_capture"`
	// MaxConnections bounds the connections that are followed at one time.
	MaxConnections int `mapstructure:"max_connections"`
}

// captureMax is CAPTURE_MAX of bpf/include/socket.h.
const captureMax = 12288

func defaultConfig() any {
	return &Config{
		RingSize:           8 << 20,
		MaxRequestCapture:  8192,
		MaxResponseCapture: 2048,
		MaxConnections:     65536,
	}
}

// Validate checks the bounds.
func (c *Config) Validate() error {
	var errs []error
	if c.RingSize < 64<<10 || c.RingSize > 1<<30 || c.RingSize&(c.RingSize-1) != 0 {
		errs = append(errs, fmt.Errorf("ring_size: %d is not a power of two from 65536 to 1073741824", c.RingSize))
	}
	for name, v := range map[string]uint32{"max_request_capture": c.MaxRequestCapture, "max_response_capture": c.MaxResponseCapture} {
		if v < 64 || v > captureMax {
			errs = append(errs, fmt.Errorf("%s: %d is not from 64 to %d", name, v, captureMax))
		}
	}
	if c.MaxConnections < 1 {
		errs = append(errs, fmt.Errorf("max_connections: %d is not positive", c.MaxConnections))
	}
	return errors.Join(errs...)
}
