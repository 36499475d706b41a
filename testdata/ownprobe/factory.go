// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package ownprobe is the eBPF receiver with one more probe, for ocb.
package ownprobe

import (
	"github.com/ebpfreceiver/ebpfreceiver"
	"go.opentelemetry.io/collector/receiver"
)

// NewFactory is what ocb calls.
func NewFactory() receiver.Factory { return ebpfreceiver.NewFactory(ebpfreceiver.WithProbes(Factory())) }
