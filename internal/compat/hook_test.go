// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package compat

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestRegisters: arguments are where the ABI of each architecture has them.
func TestRegisters(t *testing.T) {
	for field, want := range map[string]struct {
		argument int
		arch     string
	}{
		"pt_regs.di": {0, "x86_64"}, "pt_regs.si": {1, "x86_64"}, "pt_regs.dx": {2, "x86_64"},
		"pt_regs.cx": {3, "x86_64"}, "pt_regs.r8": {4, "x86_64"}, "pt_regs.r9": {5, "x86_64"},
		"pt_regs.regs[0]": {0, "aarch64"}, "user_pt_regs.regs[3]": {3, "aarch64"}, "pt_regs.user_regs.regs[7]": {7, "aarch64"},
	} {
		word, ok := wordOf(field)
		assert.True(t, ok, field)
		argument, arch, ok := register(word)
		assert.True(t, ok, field)
		assert.Equal(t, want.argument, argument, field)
		assert.Equal(t, want.arch, arch, field)
	}
	for _, field := range []string{"pt_regs.ax", "pt_regs.ip", "pt_regs.regs[8]", "pt_regs.regs[30]", "pt_regs.regs", "sock.regs[x]", ""} {
		_, ok := wordOf(field)
		assert.False(t, ok, field)
	}
	for _, word := range []int{-1, 10, 15, 16, 40} { // ax, orig_ax, ip
		_, _, ok := register(word)
		assert.False(t, ok, word)
	}
}
