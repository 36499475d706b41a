// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package object

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What the configuration says takes the place of what the tags of an object say: an output that
// of the same source's, an attribute that of the same field's.
func TestTagsAreDefaults(t *testing.T) {
	rec := binary.LittleEndian.AppendUint64(nil, 7)
	for _, tt := range []struct {
		name, section, event, body string
		attributes                 map[string]any
	}{
		{"tags alone", "{}", "example.exec", "process 7 ran an executable", map[string]any{"process.pid": int64(7)}},
		{"output", "{outputs: [{map: records, log: {name: mine, body: '{pid}'}}]}", "mine", "7", map[string]any{"process.pid": int64(7)}},
		{"attribute", "{outputs: [{map: records, log: {name: mine}, attributes: {pid: number}}]}", "mine", "", map[string]any{"number": int64(7)}},
		{"no attribute", "{outputs: [{map: records, process: none, log: {name: mine}, attributes: {pid: false}}]}", "mine", "", map[string]any{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i, e := instrumentOf(t, "execs", tt.section, known{7: {PID: 7}})
			require.Len(t, i.sinks, 1)
			i.handle(input{sink: i.sinks[0]}, rec, true)
			require.Equal(t, 1, e.logs.Len())
			r := e.logs.At(0)
			assert.Equal(t, tt.event, r.EventName())
			assert.Equal(t, tt.body, r.Body().Str())
			assert.Equal(t, tt.attributes, r.Attributes().AsRaw())
		})
	}
}
