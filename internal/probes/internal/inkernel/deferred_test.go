// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package inkernel

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestDeferred(t *testing.T) {
	known := map[int]bool{1: true}
	var used []int
	use := func(n *int) bool {
		if known[*n] {
			used = append(used, *n)
		}
		return known[*n]
	}
	var d Deferred[int]
	for _, n := range []int{1, 2, 3, 4} {
		d.Add(&n)
	}
	d.Tick(10, false, use)
	assert.Empty(t, used, "the Daemon has to read first")
	d.Tick(20, false, use)
	assert.Equal(t, []int{1}, used)
	known[3] = true
	d.Tick(30, false, use)
	assert.Equal(t, []int{1, 3}, used)
	assert.Zero(t, d.Dropped)
	d.Tick(10+patience, false, use)
	assert.EqualValues(t, 2, d.Dropped)

	for n := range maxDeferred + 5 {
		n += 100
		d.Add(&n)
	}
	assert.EqualValues(t, 2+5, d.Dropped)
	d.Tick(10, true, use)
	assert.EqualValues(t, 2+5+maxDeferred, d.Dropped)
	assert.Empty(t, d.waiting)
}
