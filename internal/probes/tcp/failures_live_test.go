// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package tcp

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

const refused = `
import socket, sys
dead = socket.socket(); dead.bind(("127.0.0.1", 0)); port = dead.getsockname()[1]; dead.close()
for _ in range(200):
    s = socket.socket()
    try: s.connect(("127.0.0.1", port))
    except ConnectionRefusedError: pass
    s.close()
print(port, flush=True)
sys.stdin.read()
`

// Failed connections are told in records up to the limit; the others are counted.
func TestFailureRecords(t *testing.T) {
	cfg := DefaultConfig()
	cfg.FailureRecords = 5
	cfg.Zones = []Zone{{Name: "this host", CIDRs: []string{"127.0.0.0/8", "::1/128"}}}
	i, said, pump := loadVariant(t, 0, cfg)
	p := start(t, refused)
	pump.Stop()
	pump.Collect(t, i)
	var records int
	for _, r := range said.logs.Records {
		if r.Attr("process.pid") != int64(p.Process.Pid) {
			continue
		}
		records++
		assert.Equal(t, "ebpf.tcp.connect.failed", r.EventName())
		assert.Equal(t, "ECONNREFUSED", r.Attr(attrErrorType))
		assert.Equal(t, "127.0.0.1", r.Attr(attrPeerAddress))
		assert.Equal(t, "this host", r.Attr(attrZone))
		assert.Regexp(t, `^Process \d+ \(python3[^)]*\) could not connect to 127\.0\.0\.1:`+p.line+`: ECONNREFUSED after `, r.Body().Str())
		assert.Less(t, r.Attr(attrDuration), 1.0)
	}
	require.GreaterOrEqual(t, records, 1)
	assert.LessOrEqual(t, records, 15, "of three seconds at most")
	assert.EqualValues(t, 200, sum(said.Values(metricFailed, p.Process.Pid), "ebpf.network.peer.zone=this host"))
	c := i.(probe.Accountant).Counts()
	assert.GreaterOrEqual(t, c.SampledOut, uint64(200-records))
	assert.Equal(t, c.Seen, c.Delivered+c.SampledOut+c.Filtered+c.TotalLost(), "%+v", c)
	assert.Zero(t, c.TotalLost(), "%+v", c)
}

// By default there are none.
func TestNoFailureRecords(t *testing.T) {
	i, said, pump := loadVariant(t, 0, DefaultConfig())
	p := start(t, refused)
	pump.Stop()
	pump.Collect(t, i)
	assert.Empty(t, said.logs.Records)
	assert.EqualValues(t, 200, sum(said.Values(metricFailed, p.Process.Pid)))
}
