// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// counting is a protocol that nobody speaks.
type counting struct{ lost uint64 }

func (*counting) Proto() stream.Proto                   { return stream.ProtoHTTP1 }
func (*counting) Open(*stream.Conn) stream.Handler      { return nil }
func (c *counting) Lost(_ *probe.ProcessInfo, n uint64) { c.lost += n }

// What is summarized of a connection that is not known any more counts: as
// filtered if nobody wants the process, else as lost, for the protocol too.
func TestSummaryOfAnUnknownConnectionIsCounted(t *testing.T) {
	r := &objectSummary{Conn: 1, Start: 5, End: 9, Tgid: 3, Status: 200, Method: 1, Minor: 1}
	raw := unsafe.Slice((*byte)(unsafe.Pointer(r)), summarySize)
	for name, info := range map[string]*probe.ProcessInfo{"filtered": nil, "lost": {PID: 3}} {
		p, err := Factory().New(probe.Settings{Logger: zap.NewNop(), Processes: one{info}, Clock: wall{}}, defaultConfig())
		require.NoError(t, err)
		d, c := p.(*daemon), &counting{}
		require.NoError(t, d.Register(c))
		d.record(raw)
		d.Flush()
		counts := d.Counts()
		if info == nil {
			require.EqualValues(t, 1, counts.Filtered, name)
			require.Zero(t, c.lost, name)
			continue
		}
		require.EqualValues(t, 1, counts.Lost[probe.Unmatched], name)
		require.EqualValues(t, 1, c.lost, name)
	}
}
