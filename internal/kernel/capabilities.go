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

// The capabilities that matter to BPF programs, and to those who look at other processes.
const (
	CapDACOverride       Capability = 1
	CapDACReadSearch     Capability = 2
	CapNetAdmin          Capability = 12
	CapSysPtrace         Capability = 19
	CapSysAdmin          Capability = 21
	CapSysResource       Capability = 24
	CapSyslog            Capability = 34
	CapPerfmon           Capability = 38 // since 5.8
	CapBPF               Capability = 39 // since 5.8
	CapCheckpointRestore Capability = 40 // since 5.9
)

// capabilityNames are the kernel's own, in its order.
const capabilityNames = "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE " +
	"NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT " +
	"SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP " +
	"MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"

// String gives the kernel's own name, as in "CAP_BPF".
func (c Capability) String() string {
	if names := strings.Fields(capabilityNames); int(c) < len(names) {
		return "CAP_" + names[c]
	}
	return "capability " + strconv.FormatUint(uint64(c), 10)
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

// List gives the effective ones, in the kernel's order.
func (c Capabilities) List() []Capability {
	var list []Capability
	for n := range Capability(64) {
		if c.Effective&(1<<n) != 0 {
			list = append(list, n)
		}
	}
	return list
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
