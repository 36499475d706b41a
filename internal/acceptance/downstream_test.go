// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package acceptance

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// For a while nothing is accepted. What the receiver keeps meanwhile is sent
// later, and only what it cannot keep is counted as lost.
func TestNothingIsLostWhileDownstreamIsBusy(t *testing.T) {
	beside(t)
	n := startNginx(t, noBackend)
	c := startCollector(t, n.target()+"probes: {http: {}, "+plain+"}")
	c.countOnly = true
	run(t, "ab", "-q", "-k", "-n", "1000", "-c", "4", n.url("/hello"))
	c.refuse(status.Error(codes.Unavailable, "busy"))
	run(t, "ab", "-q", "-k", "-n", "3000", "-c", "4", n.url("/hello"))
	waitFor(t, "something to be refused", func() bool { return c.refusals() > 2 })
	time.Sleep(2 * time.Second) // some attempts more
	c.refuse(nil)
	run(t, "ab", "-q", "-k", "-n", "1000", "-c", "4", n.url("/hello"))
	waitFor(t, "the spans that were refused", func() bool { return c.spanCount() >= 5000 })
	lines, a := checkConservation(t, c, n)
	require.EqualValues(t, 5000, lines)
	assert.Zero(t, a.totalLost(), "%v", a.lost)
}

// What is refused for good is not sent again, but counted.
func TestWhatIsRefusedForGoodIsCounted(t *testing.T) {
	beside(t)
	n := startNginx(t, noBackend)
	c := startCollector(t, n.target()+"probes: {http: {}, "+plain+"}")
	c.countOnly = true
	run(t, "ab", "-q", "-k", "-n", "1000", "-c", "4", n.url("/hello"))
	waitFor(t, "the first spans", func() bool { return c.spanCount() == 1000 })
	c.refuse(status.Error(codes.InvalidArgument, "not wanted"))
	run(t, "ab", "-q", "-k", "-n", "700", "-c", "4", n.url("/hello"))
	waitFor(t, "the refused spans to be counted", func() bool {
		accounts, _ := c.accounts(t)
		return accounts["http"].lost["refused"] == 700
	})
	c.refuse(nil)
	run(t, "ab", "-q", "-k", "-n", "500", "-c", "4", n.url("/hello"))
	lines, a := checkConservation(t, c, n)
	require.EqualValues(t, 2200, lines)
	assert.EqualValues(t, 1500, a.delivered)
	assert.Equal(t, map[string]uint64{"refused": 700}, a.lost)
}
