// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package discovery

import (
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"github.com/cilium/ebpf/btf"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestLayouts proves that records are cast onto structs of the same layout.
func TestLayouts(t *testing.T) {
	spec, err := loadProcess()
	require.NoError(t, err)
	for name, v := range map[string]any{
		"process_event": processEvent{}, "process_exec": processExec{}, "proc": proc{}, "proc_config": procConfig{}, "proc_rule": procRule{},
	} {
		t.Run(name, func(t *testing.T) {
			var c *btf.Struct
			require.NoError(t, spec.Types.TypeByName(name, &c))
			g := reflect.TypeOf(v)
			for i, m := range c.Members {
				size, err := btf.Sizeof(m.Type)
				require.NoError(t, err)
				if i == g.NumField() {
					assert.Equal(t, "data", m.Name, "only the data may be missing")
					assert.EqualValues(t, g.Size(), m.Offset.Bytes())
					return
				}
				f := g.Field(i)
				if f.Name != "_" {
					assert.Equal(t, strings.ReplaceAll(m.Name, "_", ""), strings.ToLower(f.Name))
				}
				assert.EqualValues(t, f.Offset, m.Offset.Bytes(), f.Name)
				assert.EqualValues(t, f.Type.Size(), size, f.Name)
			}
			assert.Len(t, c.Members, g.NumField())
			assert.EqualValues(t, g.Size(), c.Size)
		})
	}
	var e *btf.Enum
	require.NoError(t, spec.Types.TypeByName("proc_state", &e))
	values := map[string]uint64{}
	for _, v := range e.Values {
		values[v.Name] = v.Value
	}
	assert.Equal(t, map[string]uint64{"PROC_PENDING": statePending, "PROC_SELECTED": stateSelected, "PROC_IGNORED": stateIgnored}, values)
	assert.EqualValues(t, 16, unsafe.Sizeof(proc{}))
}
