// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package process

import "errors"

// Config is the configuration of the Instrument.
type Config struct {
	// Exec makes a record when a process runs an executable.
	Exec bool `mapstructure:"exec"`
	// Exit makes a record when a process has ended.
	Exit bool `mapstructure:"exit"`
	// Arguments adds the arguments to exec records, with what looks like a
	// secret redacted.
	Arguments bool `mapstructure:"arguments"`
}

func defaultConfig() any { return &Config{Exec: true, Exit: true} }

var errNothing = errors.New("exec and exit are both off: leave the probe out instead")

// Validate implements confmap's validator.
func (c *Config) Validate() error {
	if !c.Exec && !c.Exit {
		return errNothing
	}
	return nil
}
