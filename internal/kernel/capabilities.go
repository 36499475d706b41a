// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"bufio"
	"bytes"
	"strconv"
	"strings"
)

// Capability is the number of a capability, see include/uapi/linux/capability.h.
type Capability uint

// The capabilities that matter to BPF programs.
const (
	CapNetAdmin  Capability = 12
	CapSysPtrace Capability = 19
	CapSysAdmin  Capability = 21
	CapSyslog    Capability = 34
	CapPerfmon   Capability = 38 // since 5.8
	CapBPF       Capability = 39 // since 5.8
)

// String gives the kernel's own name, as in "CAP_BPF".
func (c Capability) String() string {
	switch c {
	case CapNetAdmin:
		return "CAP_NET_ADMIN"
	case CapSysPtrace:
		return "CAP_SYS_PTRACE"
	case CapSysAdmin:
		return "CAP_SYS_ADMIN"
	case CapSyslog:
		return "CAP_SYSLOG"
	case CapPerfmon:
		return "CAP_PERFMON"
	case CapBPF:
		return "CAP_BPF"
	default:
		return "capability " + strconv.FormatUint(uint64(c), 10)
	}
}

// Capabilities is what this process may do with BPF.
type Capabilities struct {
	// Known is false for a stored kernel.
	Known bool
	// Effective is the bit set of effective capabilities.
	Effective uint64
	// Token is true if a BPF file system with delegated commands is mounted, so
	// that a BPF token can stand in for capabilities (6.9 and later).
	Token bool
}

// Has tells whether a capability is effective. CAP_SYS_ADMIN includes CAP_BPF
// and CAP_PERFMON, as it does in the kernel.
func (c Capabilities) Has(want Capability) bool {
	bit := func(c Capability) uint64 { return 1 << c }
	if c.Effective&bit(want) != 0 {
		return true
	}
	return (want == CapBPF || want == CapPerfmon) && c.Effective&bit(CapSysAdmin) != 0
}

// parseCapabilities reads the line CapEff of /proc/self/status.
func parseCapabilities(status []byte) Capabilities {
	for s := bufio.NewScanner(bytes.NewReader(status)); s.Scan(); {
		value, ok := strings.CutPrefix(s.Text(), "CapEff:")
		if !ok {
			continue
		}
		set, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
		if err != nil {
			return Capabilities{}
		}
		return Capabilities{Known: true, Effective: set}
	}
	return Capabilities{}
}
