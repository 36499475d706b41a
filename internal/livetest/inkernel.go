// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package livetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// Conserved fails the test unless the account adds up and nothing was lost.
func Conserved(t testing.TB, p probe.Probe) probe.Counts {
	t.Helper()
	c := p.(probe.Accountant).Counts()
	require.Equal(t, c.Seen, c.Delivered+c.SampledOut+c.Filtered+c.TotalLost(), "%+v", c)
	require.Zero(t, c.TotalLost(), "%+v", c)
	return c
}
