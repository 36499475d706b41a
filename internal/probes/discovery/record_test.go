// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package discovery

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
)

func eventBytes(kind uint8) []byte {
	b := binary.NativeEndian.AppendUint64(nil, 1_000_000)
	b = binary.NativeEndian.AppendUint64(b, 400_000)
	b = binary.NativeEndian.AppendUint64(b, 300_000)
	b = binary.NativeEndian.AppendUint64(b, 77)
	b = binary.NativeEndian.AppendUint64(b, 78)
	for _, v := range []uint32{42, 41, 1000, 0, 0x8b} {
		b = binary.NativeEndian.AppendUint32(b, v)
	}
	b = binary.NativeEndian.AppendUint16(b, 8080)
	b = append(b, kind, stateSelected)
	return append(b, "nginx\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"...)
}

func execBytes(filename, interp, args string, cut uint16) []byte {
	b := eventBytes(1)
	for _, v := range []uint16{uint16(len(filename)), uint16(len(interp)), uint16(len(args)), cut} {
		b = binary.NativeEndian.AppendUint16(b, v)
	}
	return append(b, filename+interp+args...)
}

func TestDecodeExit(t *testing.T) {
	var e discovery.Event
	require.NoError(t, decode(eventBytes(2), &e))
	assert.Equal(t, discovery.Event{
		Kind: discovery.Exit, Time: 1_000_000, Start: 400_000, ParentStart: 300_000, PID: 42, ParentPID: 41,
		UID: 1000, EUID: 0, CgroupID: discovery.CgroupID{V2: 77, V1: 78}, Comm: "nginx", Captured: true, Status: 0x8b, Port: 8080,
	}, e)
	assert.Equal(t, 11, e.Signal())
	assert.True(t, e.CoreDumped())
	assert.EqualValues(t, 600_000, e.RunTime())
}

func TestDecodeExec(t *testing.T) {
	for _, tt := range []struct {
		name, filename, interp, args string
		cut                          uint16
		want                         []string
		interpreter                  string // that of the record, if empty
	}{
		{"plain", "/bin/a\x00", "/bin/a\x00", "a\x00-b\x00", 0, []string{"a", "-b"}, ""},
		{"script", "./s\x00", "/bin/sh\x00", "sh\x00", 0, []string{"sh"}, ""},
		{"empty arguments count", "a\x00", "a\x00", "a\x00\x00\x00", 0, []string{"a", "", ""}, ""},
		{"cut", "a\x00", "a\x00", "a\x00bcd", 1, []string{"a", "bcd"}, ""},
		{"none", "", "", "", 0, nil, ""},
		{"untold", "/bin/a\x00", "", "a\x00-b\x00", 0, []string{"a", "-b"}, "/bin/a"},
		{"untold script", "./s\x00", "", "/bin/sh\x00./s\x00x\x00", 0, []string{"/bin/sh", "./s", "x"}, "/bin/sh"},
		{"untold script with an option", "./s\x00", "", "/bin/sh\x00-e\x00./s\x00", 0, []string{"/bin/sh", "-e", "./s"}, "/bin/sh"},
		{"its own argument", "/bin/a\x00", "", "/bin/a\x00/bin/a\x00", 0, []string{"/bin/a", "/bin/a"}, "/bin/a"},
		{"not UTF-8", "a\x00", "a\x00", "a\x00\xff\xfe!\x00", 0, []string{"a", "\uFFFD!"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := discovery.Event{Args: []string{"old"}}
			require.NoError(t, decode(execBytes(tt.filename, tt.interp, tt.args, tt.cut), &e))
			assert.Equal(t, text([]byte(tt.filename)), e.Filename)
			want := tt.interpreter
			if want == "" {
				want = text([]byte(tt.interp))
			}
			assert.Equal(t, want, e.Interpreter)
			assert.Equal(t, tt.want, append([]string(nil), e.Args...))
			assert.Equal(t, tt.cut == 1, e.ArgsCut)
		})
	}
}

// TestDecodeBad cuts a good record everywhere and gives it an unknown kind.
func TestDecodeBad(t *testing.T) {
	var e discovery.Event
	good := execBytes("/bin/a\x00", "/bin/a\x00", "a\x00-b\x00", 0)
	for n := range good {
		require.ErrorIs(t, decode(good[:n], &e), errShort, "%d bytes", n)
	}
	require.ErrorIs(t, decode(eventBytes(9), &e), errKind)
}
