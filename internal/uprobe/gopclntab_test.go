// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package uprobe

import (
	"bytes"
	"debug/gosym"
	"encoding/binary"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tableBytes is a table of Go 1.20 of functions that follow one another, each as it is named. starts has one
// more: where the last one ends.
func tableBytes(starts []uint32, names ...string) []byte {
	le := binary.LittleEndian
	const at = 8 + 8*8
	var text []byte
	offsets := make([]uint32, len(names))
	for i, n := range names {
		offsets[i] = uint32(len(text))
		text = append(append(text, n...), 0)
	}
	index := at + len(text)
	b := le.AppendUint32(nil, magic120)
	b = append(b, 0, 0, 1, 8)
	for _, word := range []int{len(names), 0, 0, at, index, index, index, index} {
		b = le.AppendUint64(b, uint64(word))
	}
	b = append(b, text...)
	about := 4 * (2*len(names) + 1)
	for i := range names {
		b = le.AppendUint32(le.AppendUint32(b, starts[i]), uint32(about+8*i))
	}
	b = le.AppendUint32(b, starts[len(names)])
	for i := range names {
		b = le.AppendUint32(le.AppendUint32(b, starts[i]), offsets[i])
	}
	return b
}

func tableOf(t *testing.T, starts []uint32, names ...string) *goTable {
	t.Helper()
	b := tableBytes(starts, names...)
	table, err := newGoTable(bytes.NewReader(b), int64(len(b)))
	require.NoError(t, err)
	return table
}

// What Go's own reader finds in this test's executable is found, too.
func TestGoTableAgreesWithGosym(t *testing.T) {
	path, err := os.Executable()
	require.NoError(t, err)
	r, err := os.Open(path)
	require.NoError(t, err)
	defer r.Close()
	f, err := NewFile(r)
	require.NoError(t, err)
	table, err := f.gopclntab()
	require.NoError(t, err)

	s := f.elf.Section(".gopclntab")
	data, err := s.Data()
	require.NoError(t, err)
	whole, err := gosym.NewTable(nil, gosym.NewLineTable(data, f.goText(s.Addr)))
	require.NoError(t, err)
	type place struct{ entry, end uint64 }
	want, wanted := map[string][]place{}, map[string]bool{}
	for i := range whole.Funcs {
		fn := &whole.Funcs[i]
		want[fn.Name] = append(want[fn.Name], place{fn.Entry, fn.End})
		wanted[fn.Name] = true
	}
	assert.Greater(t, len(want), 3000)

	got := map[string][]place{}
	require.NoError(t, table.each(wanted, func(name string, entry, end uint64) { got[name] = append(got[name], place{entry, end}) }))
	assert.Equal(t, want, got)
}

func TestGoTableRefuses(t *testing.T) {
	good := tableBytes([]uint32{0, 16, 32}, "main.a", "main.b")
	le := binary.LittleEndian
	for name, spoil := range map[string]func(b []byte) []byte{
		"short":                 func(b []byte) []byte { return b[:40] },
		"another magic":         func(b []byte) []byte { le.PutUint32(b, 0xfffffffb); return b },
		"words of 4 bytes":      func(b []byte) []byte { b[7] = 4; return b },
		"no functions":          func(b []byte) []byte { le.PutUint64(b[8:], 0); return b },
		"too many functions":    func(b []byte) []byte { le.PutUint64(b[8:], 1<<40); return b },
		"negative":              func(b []byte) []byte { le.PutUint64(b[8:], 1<<63); return b },
		"names beyond the end":  func(b []byte) []byte { le.PutUint64(b[8+8*4:], 1<<40); return b },
		"index beyond the end":  func(b []byte) []byte { le.PutUint64(b[8+8*7:], 1<<40); return b },
		"a function elsewhere":  func(b []byte) []byte { le.PutUint32(b[len(b)-32:], 1<<31); return b },
		"the last one is short": func(b []byte) []byte { return b[:len(b)-4] },
	} {
		b := spoil(bytes.Clone(good))
		table, err := newGoTable(bytes.NewReader(b), int64(len(b)))
		if err == nil {
			err = table.each(map[string]bool{"main.a": true, "main.b": true}, func(string, uint64, uint64) {})
		}
		assert.Error(t, err, name)
	}
	found := map[string]uint64{}
	table := tableOf(t, []uint32{0, 16, 32, 48}, "main.a", string(bytes.Repeat([]byte("x"), 3*windowSize)), "main.b")
	require.NoError(t, table.each(map[string]bool{"main.a": true, "main.b": true}, func(name string, entry, _ uint64) { found[name] = entry }))
	assert.Equal(t, map[string]uint64{"main.a": 0, "main.b": 32}, found)
}
