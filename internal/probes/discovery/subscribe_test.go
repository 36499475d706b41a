// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package discovery

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
)

// Who is told of events may change while they are handed on.
func TestSubscribeWhileEventsAreHandedOn(t *testing.T) {
	d := &Daemon{}
	kept := 0
	cancelKept := d.Subscribe(func(*discovery.Event) { kept++ })
	var others sync.WaitGroup
	for range 4 {
		others.Go(func() {
			for range 1000 {
				d.Subscribe(func(*discovery.Event) {})()
			}
		})
	}
	const events = 10000
	for range events {
		d.publish(&discovery.Event{})
	}
	others.Wait()
	assert.Equal(t, events, kept)
	assert.Len(t, d.subscribed(), 1)
	cancelKept()
	assert.Empty(t, d.subscribed())
}
