// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package kernel

import "strings"

// Lockdown is the mode of the lockdown LSM (security/lockdown).
type Lockdown uint8

const (
	// LockdownUnknown means that the kernel would not tell, or is a stored one.
	LockdownUnknown Lockdown = iota
	// LockdownNone restricts nothing.
	LockdownNone
	// LockdownIntegrity refuses what would change the kernel; of BPF, that is
	// bpf_probe_write_user.
	LockdownIntegrity
	// LockdownConfidentiality refuses, too, what would read the kernel:
	// bpf_probe_read_kernel, kprobes and tracefs.
	LockdownConfidentiality
)

// String gives the kernel's own word, or "unknown".
func (l Lockdown) String() string {
	switch l {
	case LockdownNone:
		return "none"
	case LockdownIntegrity:
		return "integrity"
	case LockdownConfidentiality:
		return "confidentiality"
	default:
		return "unknown"
	}
}

// parseLockdown reads securityfs' lockdown file, as in
// "none [integrity] confidentiality".
func parseLockdown(s string) Lockdown {
	_, rest, ok := strings.Cut(s, "[")
	if !ok {
		return LockdownUnknown
	}
	mode, _, ok := strings.Cut(rest, "]")
	if !ok {
		return LockdownUnknown
	}
	return LockdownOf(mode)
}

// LockdownOf gives the mode of the kernel's own word, unknown for any other.
func LockdownOf(word string) Lockdown {
	for _, l := range []Lockdown{LockdownNone, LockdownIntegrity, LockdownConfidentiality} {
		if l.String() == word {
			return l
		}
	}
	return LockdownUnknown
}
