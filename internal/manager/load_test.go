// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"errors"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/stretchr/testify/assert"
)

// The verifier's reason is one line of its log, whatever comes behind.
func TestLastLine(t *testing.T) {
	for want, log := range map[string][]string{
		"R0 !read_ok": {"0: (95) exit", "R0 !read_ok", "processed 1 insns (limit 1000000)", ""},
		"R7 invalid mem access 'buf_or_null'": { // as of 7.3
			"6: (61) r9 = *(u32 *)(r7 +76)", "R7 invalid mem access 'buf_or_null'", "",
			"Verification failed: Register Type Safety: Invalid dereference", "", "Reason:", "  R7 may be NULL here.", "",
			"Suggestion:", "  Add a NULL check before the access.", "processed 7 insns (limit 1000000)",
		},
		"permission denied": {"", "processed 0 insns (limit 1000000)"},
	} {
		assert.Equal(t, want, lastLine(&ebpf.VerifierError{Cause: errors.New("permission denied"), Log: log}))
	}
}
