// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package sql

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// What cannot be read is told, once.
func TestOpaqueConnectionsAreTold(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	p := newInstrument(probe.Settings{Logger: zap.New(core)}, DefaultConfig())
	require.NoError(t, p.Collect(t.Context(), time.Now()))
	assert.Zero(t, logs.Len())
	for _, side := range p.sides {
		switch s := side.(type) {
		case *postgresqlSide:
			s.parsers.Stats().Encrypted = 2
		case *mysqlSide:
			s.parsers.Stats().Compressed = 1
		}
	}
	for range 2 {
		p.tellOpaque()
	}
	var said []string
	for _, l := range logs.All() {
		said = append(said, l.Message)
	}
	assert.Equal(t, []string{
		"Nothing is known of what connections to databases do that are encrypted",
		"Nothing is known of what connections to databases do that are compressed (MySQL)",
	}, said)
}
