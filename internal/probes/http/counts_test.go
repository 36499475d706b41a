// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

func TestCountsHoldEveryLoss(t *testing.T) {
	b := newBench(t, nil)
	p := b.process("s")
	open := func() *conn { return b.conn(p, stream.Server, "10.0.0.1:80", "10.0.0.2:999") }
	open().exchange(1, 2, 1, 1, stream.Ref{}, get, ok)
	b.p.Lost(p, 3)
	b.p.Lost(nil, 2)
	open().send(message{dir: stream.Send, text: ok, at: 5}) // its request was never seen
	upgraded := open()                                      // the second request speaks the old protocol
	upgraded.send(message{dir: stream.Receive, text: get + get, at: 6})
	upgraded.send(message{dir: stream.Send, text: "HTTP/1.1 101 Switching\nUpgrade: x\n\n", at: 7})
	c := b.p.Counts()
	assert.EqualValues(t, 2, c.Delivered)
	assert.EqualValues(t, 5, c.Lost[probe.RingFull])
	assert.EqualValues(t, 2, c.Lost[probe.Unmatched])
	assert.EqualValues(t, 9, c.Seen)
	b.requireBalanced()
	assert.Len(t, b.emitted()["s"], 2)
}

func TestLoadNeedsTheSocket(t *testing.T) {
	b := newBench(t, nil)
	require.EqualError(t, b.p.Load(context.Background(), &probe.Loading{}), "http needs the probe socket, which is not loaded")
	c, err := b.p.Attach(context.Background(), probe.Target{})
	require.NoError(t, err)
	require.NoError(t, c.Close())
	require.NoError(t, b.p.Close())
}

func TestFactoryRefusesAnotherConfiguration(t *testing.T) {
	_, err := Factory().New(probe.Settings{}, 5)
	require.EqualError(t, err, "the configuration of http is a int, not a *http.Config")
}
