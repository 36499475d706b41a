// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
)

// What the Instrument "go" tells of calls is found once, by process, writer and stream; what nobody
// can use is counted.
func TestHear(t *testing.T) {
	d := &daemon{table: stream.NewTable(4)}
	assert.Zero(t, d.Caller(7, 0xc0de, 3))
	d.hear(&objectGoTold{Kind: toldCall, Conn: 0xc0de, Tgid: 7, Stream: 3, ParentConn: 11, ParentSeq: 12})
	assert.Zero(t, d.Caller(7, 0xc0de, 5))
	assert.Zero(t, d.Caller(8, 0xc0de, 3))
	assert.Equal(t, stream.Ref{Conn: 11, Seq: 12, Goroutine: true}, d.Caller(7, 0xc0de, 3))
	assert.Zero(t, d.Caller(7, 0xc0de, 3))
	assert.Zero(t, d.Unheard())

	d.hear(&objectGoTold{Kind: toldRoute, Conn: 99, Route: 1})
	d.hear(&objectGoTold{Kind: toldMethod, Conn: 99, Route: 1})
	d.hear(&objectGoTold{Kind: 200})
	assert.EqualValues(t, 3, d.Unheard())
	for i := range uint32(maxCallers + 10) {
		d.hear(&objectGoTold{Kind: toldCall, Conn: 1, Tgid: 7, Stream: i})
	}
	assert.Len(t, d.callers, 10)
	assert.EqualValues(t, 3+maxCallers, d.Unheard())
	assert.Empty(t, d.Route(1), "the Instrument is not there")
}
