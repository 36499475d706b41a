// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A reason is told once, whoever depends on what it stops, also through another one.
func TestBrokenProbes(t *testing.T) {
	var b brokenProbes
	assert.True(t, b.none())
	b.add("discovery", errors.New("CAP_BPF is missing"))
	b.add("socket", &dependencyError{name: "discovery"})
	b.add("http", &dependencyError{name: "socket"})
	b.add("other", errors.New("it broke"))
	assert.False(t, b.none())
	assert.EqualError(t, b.err(), "probe discovery does not run: CAP_BPF is missing, and without it neither do socket, http; probe other does not run: it broke")
	b = brokenProbes{}
	b.add("tls", &dependencyError{name: "socket"})
	assert.False(t, b.none())
	assert.EqualError(t, b.err(), "without the probe socket these do not run: tls")
}
