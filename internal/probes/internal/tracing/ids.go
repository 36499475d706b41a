// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package tracing

import (
	crand "crypto/rand"
	"encoding/binary"
	"math/rand/v2"
)

// IDs makes trace and span IDs. All bits are random.
type IDs struct{ rng *rand.ChaCha8 }

// NewIDs seeds a generator. It is used on one goroutine.
func NewIDs() IDs {
	var seed [32]byte
	crand.Read(seed[:]) // never fails
	return IDs{rand.NewChaCha8(seed)}
}

// Trace returns a new trace ID, never zero.
func (g IDs) Trace() (id [16]byte) {
	for id == [16]byte{} {
		binary.LittleEndian.PutUint64(id[:], g.rng.Uint64())
		binary.LittleEndian.PutUint64(id[8:], g.rng.Uint64())
	}
	return id
}

// Span returns a new span ID, never zero.
func (g IDs) Span() (id [8]byte) {
	for id == [8]byte{} {
		binary.LittleEndian.PutUint64(id[:], g.rng.Uint64())
	}
	return id
}
