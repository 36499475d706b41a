// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package filesystem

import (
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/plog"
	"golang.org/x/sys/unix"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/device"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/inkernel"
)

func TestLayout(t *testing.T) {
	var v objectFileValue
	durations := inkernel.Durations()
	assert.EqualValues(t, 8*wordDuration, unsafe.Offsetof(v.Duration))
	assert.EqualValues(t, 8*durations.Words(), unsafe.Sizeof(v.Duration))
	assert.EqualValues(t, unsafe.Sizeof(dims{}), unsafe.Sizeof(objectFileKey{})-unsafe.Sizeof(inkernel.Owner{}))
	assert.Equal(t, []string{"", "read", "write", "open", "sync", ""}, []string{
		operation(0), operation(1), operation(2), operation(3), operation(4), operation(5),
	})
}

func chars(s string) (c [64]int8) {
	for i := range s {
		c[i] = int8(s[i])
	}
	return c
}

func TestRecord(t *testing.T) {
	n := &names{devices: device.NewNames(t.TempDir())}
	e := objectFileSlow{Tgid: 7, Tid: 8, Op: 4, Duration: uint64(1500 * time.Millisecond), Device: 8<<20 | 1, Levels: 2}
	copy(e.Type[:], []int8{'e', 'x', 't', '4'})
	e.Path[0], e.Path[1] = chars("file"), chars("var")
	r := plog.NewLogRecord()
	fill(r, &e, n)
	assert.Equal(t, map[string]any{
		"process.pid": int64(7), "thread.id": int64(8), attrOperation: "sync", attrDuration: 1.5,
		attrDevice: "8:1", attrType: "ext4", "file.path": "/var/file",
	}, r.Attributes().AsRaw())
	assert.Equal(t, "Syncing /var/file on 8:1 (ext4) took 1.5s.", r.Body().Str())

	e = objectFileSlow{Op: 3, Result: -int64(unix.ENOENT), Duration: 2e6}
	r = plog.NewLogRecord()
	fill(r, &e, n)
	assert.Equal(t, "Opening a file took 2ms and failed with ENOENT.", r.Body().Str())
	assert.Equal(t, "ENOENT", r.Attributes().AsRaw()["error.type"])

	e = objectFileSlow{Op: 1, Result: 512, Device: 1, Levels: 1, Cut: 1}
	e.Path[0] = chars("deep")
	r = plog.NewLogRecord()
	fill(r, &e, n)
	assert.Equal(t, "…/deep", r.Attributes().AsRaw()["file.path"])
	assert.EqualValues(t, 512, r.Attributes().AsRaw()[attrSize])
}

func TestShortRecords(t *testing.T) {
	var s records
	s.handle(make([]byte, 10))
	assert.EqualValues(t, 1, s.malformed)
	s.handle(make([]byte, unsafe.Offsetof(objectFileSlow{}.Path)))
	assert.EqualValues(t, 1, s.malformed, "one without a path")
}

func TestConfig(t *testing.T) {
	c := DefaultConfig()
	assert.NoError(t, c.Validate())
	c.Slow.Threshold = time.Microsecond
	assert.ErrorContains(t, c.Validate(), "slow::threshold: 1µs is below threshold, 100µs")
	c = &Config{Threshold: -1}
	assert.ErrorContains(t, c.Validate(), "threshold: -1ns is not from 0s to 1m")
	assert.ErrorContains(t, c.Validate(), "slow::per_second: 0 is not from 1 to 1000")
	assert.ErrorContains(t, c.Validate(), "max_series: 0 is not from 64 to 1048576")
}
