// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package tls

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Of an executable that is begun all the time the first processes are looked at in haste, and one
// each second.
func TestHaste(t *testing.T) {
	var h haste
	allowed := 0
	const ms = 1_000_000
	for at := uint64(0); at < 10_000*ms; at += 2 * ms {
		if h.allows("/bin/true", 5+at) {
			allowed++
		}
	}
	assert.Equal(t, firstHasty+9, allowed)
	assert.True(t, h.allows("/bin/false", 10_000*ms), "another one")
}

// However many executables there are, looks and memory are bounded.
func TestHasteIsBounded(t *testing.T) {
	var h haste
	allowed := 0
	for i := range uint64(20_000) {
		if h.allows(fmt.Sprint(i), i*1e6) {
			allowed++
		}
		assert.LessOrEqual(t, len(h.executables), maxExecutables)
	}
	assert.Equal(t, 20*mostHasty, allowed)
}
