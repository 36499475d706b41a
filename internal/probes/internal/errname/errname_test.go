// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package errname

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestOf(t *testing.T) {
	assert.Equal(t, "ENOSPC", Of(28))
	assert.Equal(t, "_OTHER", Of(0))
	assert.Equal(t, "_OTHER", Of(4000))
}
