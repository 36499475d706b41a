// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestDeaths(t *testing.T) {
	var d Deaths
	assert.False(t, d.Expected())
	assert.Nil(t, d.Of(1, 2))
	d.Expect(true)
	assert.True(t, d.Expected())
	first := &Death{Record: "a"}
	d.Tell(1, 2, first)
	assert.Same(t, first, d.Of(1, 2))
	assert.Nil(t, d.Of(1, 3), "another process of that ID")
	for n := range uint32(maxDeaths) {
		d.Tell(n+2, 2, &Death{})
	}
	assert.Nil(t, d.Of(1, 2), "it was forgotten")
	assert.NotNil(t, d.Of(2, 2))
	assert.Len(t, d.by, maxDeaths)
	assert.Len(t, d.order, maxDeaths)
}
