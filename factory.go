// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package ebpfreceiver

import (
	"go.opentelemetry.io/collector/receiver"

	ebpf "github.com/ebpfreceiver/ebpfreceiver/receiver"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// Config is the configuration of the receiver. NewFactory's CreateDefaultConfig
// makes one.
type Config = ebpf.Config

// Option changes what NewFactory makes.
type Option = ebpf.Option

// NewFactory makes the factory of the receiver, for a collector.
func NewFactory(options ...Option) receiver.Factory {
	return ebpf.NewFactory(options...)
}

// WithProbes adds probes of your own to those that come with the receiver. One
// of the same name takes the place of the other.
func WithProbes(probes ...probe.Factory) Option {
	return ebpf.WithProbes(probes...)
}
