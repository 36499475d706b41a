// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package uprobe

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// Results on the stack are what a function returned, or nothing is found.
func TestStored(t *testing.T) {
	const (
		first  = "\x48\x89\x44\x24\x10" // mov [rsp+0x10], rax
		second = "\x48\x89\x5c\x24\x18" // mov [rsp+0x18], rbx
		branch = "\x85\xc0\x74\x05"     // test eax, eax; jz
	)
	for name, tt := range map[string]struct {
		code string
		ok   bool
	}{
		"both":                 {first + second + branch, true},
		"with others between":  {first + "\x89\x4c\x24\x20" + second + "\x31\xdb" + branch, true}, // mov [rsp+0x20], ecx; xor ebx, ebx
		"a nop is too early":   {first + "\x90" + second + branch, true},
		"one is missing":       {first + branch, false},
		"another register":     {first + "\x48\x89\x4c\x24\x18" + branch, false},          // mov [rsp+0x18], rcx
		"another place":        {first + "\x48\x89\x5c\x24\x20" + branch, false},          // mov [rsp+0x20], rbx
		"half of a register":   {first + "\x89\x5c\x24\x18" + branch, false},              // mov [rsp+0x18], ebx
		"it has changed":       {first + "\x48\x89\xcb" + second + branch, false},         // mov rbx, rcx
		"it is overwritten":    {first + second + "\x89\x4c\x24\x14" + branch, false},     // mov [rsp+0x14], ecx
		"the stack has moved":  {first + second + "\x48\x83\xec\x10" + branch, false},     // sub rsp, 0x10
		"a branch comes first": {"\x74\x05" + first + second + branch, false},             // jz
		"a call comes first":   {first + "\xe8\x00\x01\x00\x00" + second + branch, false}, // call
	} {
		t.Run(name, func(t *testing.T) {
			f := &File{arch: amd64{}}
			p, room, ok := f.stored(Func{Name: "f", Addr: 0x1000, Offset: 0x400, Go: true}, []byte(tt.code), 0, []int{0, 1}, Kernel{})
			assert.Equal(t, tt.ok, ok)
			if ok {
				assert.Equal(t, 0x10, room)
				assert.EqualValues(t, 0x400+len(tt.code)-2, p.Offset)
			}
		})
	}
	// stp x0, x1, [sp, #16]; str x2, [sp, #32]; cbz x3
	code := string(words(0xa90107e0, 0xf90013e2, 0xb4000043))
	p, room, ok := (&File{arch: arm64{}}).stored(Func{Name: "f", Addr: 0x1000, Go: true}, []byte(code), 0, []int{0, 1, 2}, Kernel{})
	assert.True(t, ok)
	assert.Equal(t, 16, room)
	assert.EqualValues(t, 8, p.Offset)
}
