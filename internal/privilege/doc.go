// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package privilege gives up capabilities of this process, or tries what works without them.
package privilege

import "github.com/ebpfreceiver/ebpfreceiver/internal/kernel"

// Loading are the capabilities that are of use only where programs and maps are loaded,
// attached or counted. What else a collector holds may be for its other components.
func Loading() []kernel.Capability {
	return []kernel.Capability{kernel.CapSysAdmin, kernel.CapSysResource, kernel.CapNetAdmin, kernel.CapPerfmon, kernel.CapBPF}
}
