// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package uprobe

import (
	"bytes"
	"debug/elf"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// place is what is picked in a piece of code that begins at 0x1000.
func place(a arch, code string, w Want, ret bool, k Kernel) (Point, bool) {
	f := &File{arch: a}
	need, err := a.arguments(w)
	if err != nil {
		return Point{}, false
	}
	fn := Func{Name: "f", Addr: 0x1000, Size: uint64(len(code)), Go: w.ABI == Go}
	p, ok := f.walk(fn, []byte(code), 0, need, ret, k)
	p.Repeats = ok && f.repeats(fn, []byte(code), &p, k)
	return p, ok
}

// Code as compilers make it; the comments are the instructions.
func TestPlacesAMD64(t *testing.T) {
	const (
		goCheck  = "\x49\x3b\x66\x10\x76\x10" // cmp rsp, [r14+16]; jbe
		goLarge  = "\x4c\x8d\x64\x24\x80\x4d\x3b\x66\x10\x0f\x86\x10\x00\x00\x00"
		endbr    = "\xf3\x0f\x1e\xfa"
		subRSP   = "\x48\x83\xec\x18"     // sub rsp, 0x18
		nop5     = "\x0f\x1f\x44\x00\x00" // nop [rax+rax]
		movDIAX  = "\x48\x89\xc7"         // mov rdi, rax
		xorESI   = "\x31\xf6"             // xor esi, esi
		call     = "\xe8\x00\x01\x00\x00" // call
		pushR12  = "\x41\x54"             // push r12
		fallback = "\x48\x89\xf8\xc3"     // mov rax, rdi; ret
	)
	for name, tt := range map[string]struct {
		code   string
		want   Want
		ret    bool
		kernel Kernel
		at     uint64
		slow   bool
		stack  int
	}{
		"push":                          {code: "\x55\x48\x89\xe5", want: Want{C, 6}},
		"push of a new register":        {code: pushR12, want: Want{C, 6}},
		"behind endbr64":                {code: endbr + "\x53", want: Want{C, 6}, at: 4},
		"return behind endbr64":         {code: endbr + "\x53", ret: true, at: 4},
		"branch":                        {code: subRSP + "\x48\x85\xff\x74\x10", want: Want{C, 6}, at: 7, stack: 0x18},
		"return is not where it was":    {code: subRSP + "\x48\x85\xff\x74\x10", ret: true, slow: true},
		"return at a branch":            {code: "\x48\x85\xff\x74\x10", ret: true, at: 3},
		"call":                          {code: "\x48\x83\xec\x08" + call, want: Want{C, 3}, at: 4, stack: 8},
		"argument is overwritten":       {code: movDIAX + call, want: Want{C, 1}, slow: true},
		"one that is not wanted":        {code: xorESI + call, want: Want{C, 1}, at: 2},
		"half of an argument":           {code: xorESI + call, want: Want{C, 2}, slow: true},
		"nop that is not emulated":      {code: nop5 + "\x55", want: Want{C, 1}, at: 5},
		"nop that is":                   {code: nop5 + "\x55", want: Want{C, 1}, kernel: Kernel{AllNops: true}},
		"nop of one byte":               {code: "\x90", want: Want{C, 1}},
		"xchg r8, rax is no nop":        {code: "\x49\x90\x55", want: Want{C, 1}, slow: true},
		"behind a return":               {code: fallback + "\x55", want: Want{C, 1}, slow: true},
		"indirect jump":                 {code: "\xff\xe0\x55", want: Want{C, 1}, slow: true},
		"branch of 16 bits":             {code: "\x66\xe9\x00\x01\x00\x00\x55", want: Want{C, 1}, slow: true},
		"jrcxz":                         {code: "\xe3\x10\x55", want: Want{C, 1}, slow: true},
		"system call":                   {code: "\x0f\x05\x55", want: Want{C, 1}, slow: true},
		"division, which writes rdx":    {code: "\x48\xf7\xf6\x55", want: Want{C, 3}, slow: true},
		"Go, stack check":               {code: goCheck, want: Want{Go, 9}, at: 4},
		"Go, stack check, large frame":  {code: goLarge, want: Want{Go, 9}, at: 9},
		"Go, goroutine is overwritten":  {code: "\x4d\x89\xe6\x55", want: Want{Go, 0}, slow: true},
		"frame by lea":                  {code: "\x48\x8d\x64\x24\xf0" + "\x55", want: Want{C, 6}, at: 5, stack: 16},
		"frame of a size nobody knows":  {code: "\x48\x29\xc4\x55", want: Want{C, 6}, at: 3, stack: unknownStack},
		"a byte of rsi":                 {code: "\x40\xb6\x01\x55", want: Want{C, 2}, slow: true},
		"ah is no part of rsi or rsp":   {code: "\xb4\x01\x55", want: Want{C, 6}, at: 2},
		"conditional move":              {code: "\x48\x0f\x44\xd0\x55", want: Want{C, 3}, slow: true},
		"what is stored is not written": {code: "\x48\x89\x7c\x24\xf8\x55", want: Want{C, 6}, at: 5},
	} {
		t.Run(name, func(t *testing.T) {
			p, ok := place(amd64{}, tt.code, tt.want, tt.ret, tt.kernel)
			require.True(t, ok)
			assert.Equal(t, tt.slow, p.Slow, p)
			assert.EqualValues(t, 0x1000+tt.at, p.Addr, p)
			assert.Equal(t, tt.stack, p.Stack, p)
		})
	}
	_, ok := place(amd64{}, "", Want{}, false, Kernel{})
	assert.False(t, ok, "no code")
	_, ok = place(amd64{}, "\x06", Want{}, false, Kernel{})
	assert.False(t, ok, "no instruction of 64-bit mode")
	_, ok = place(amd64{}, "\x55", Want{C, 7}, false, Kernel{})
	assert.False(t, ok, "a seventh argument is on the stack")
	_, ok = place(amd64{}, "\x55", Want{Go, 10}, false, Kernel{})
	assert.False(t, ok, "a tenth argument is on the stack")
}

func TestRepeats(t *testing.T) {
	// cmp rsp, [r14+16]; jbe +3; sub eax, eax; ret; call; jmp to the start
	again, ok := place(amd64{}, "\x49\x3b\x66\x10\x76\x03\x29\xc0\xc3\xe8\x00\x00\x00\x00\xeb\xf0", Want{ABI: Go}, false, Kernel{})
	require.True(t, ok)
	assert.True(t, again.Repeats)
	assert.EqualValues(t, 0x1004, again.Addr)
	// The same with push rbp behind the check, for which nobody comes twice.
	behind, ok := place(amd64{}, "\x49\x3b\x66\x10\x76\x02\x55\xc3\xe8\x00\x00\x00\x00\xeb\xf1", Want{ABI: Go}, false, Kernel{})
	require.True(t, ok)
	assert.False(t, behind.Repeats)
	assert.EqualValues(t, 0x1006, behind.Addr)
	// push rbp; a loop behind it: dec eax; jne -4; ret
	once, ok := place(amd64{}, "\x55\xff\xc8\x75\xfc\xc3", Want{}, false, Kernel{})
	require.True(t, ok)
	assert.False(t, once.Repeats)
	// nop; dec eax; jne to dec: the loop is in front of the place
	loop, ok := place(amd64{}, "\xff\xc8\x75\xfc\xc3", Want{}, false, Kernel{})
	require.True(t, ok)
	assert.True(t, loop.Repeats)
}

func words(w ...uint32) string {
	var b []byte
	for _, w := range w {
		b = append(b, byte(w), byte(w>>8), byte(w>>16), byte(w>>24))
	}
	return string(b)
}

func TestPlacesARM64(t *testing.T) {
	const (
		ldrX16  = 0xf9400b90 // ldr x16, [x28, #16]
		cmpSP   = 0xeb3063ff // cmp sp, x16
		bLS     = 0x54000109 // b.ls
		bti     = 0xd503245f // bti c
		paciasp = 0xd503233f
		stp     = 0xa9bd7bfd // stp x29, x30, [sp, #-48]!
		movX29  = 0x910003fd // mov x29, sp
		subSP   = 0xd10083ff // sub sp, sp, #0x20
		cbz     = 0xb4000080 // cbz x0
		movX0   = 0xaa0103e0 // mov x0, x1
		adrp    = 0x90000008 // adrp x8
		bl      = 0x94000010
		blr     = 0xd63f0100 // blr x8
		ret     = 0xd65f03c0
		nop     = 0xd503201f
		svc     = 0xd4000001
		strLR   = 0xf81e0ffe // str x30, [sp, #-32]!
	)
	for name, tt := range map[string]struct {
		code   string
		want   Want
		ret    bool
		kernel Kernel
		at     uint64
		slow   bool
		stack  int
	}{
		"Go, stack check":            {code: words(ldrX16, cmpSP, bLS), want: Want{Go, 16}, at: 8},
		"branch behind the frame":    {code: words(bti, stp, movX29, cbz), want: Want{C, 8}, at: 12, stack: 48},
		"sub":                        {code: words(subSP, adrp), want: Want{C, 8}, at: 4, stack: 32},
		"Go's frame":                 {code: words(strLR, bl), want: Want{Go, 16}, at: 4, stack: 32},
		"return in its register":     {code: words(bti, cbz), ret: true, at: 4},
		"return is saved":            {code: words(bti, stp, cbz), ret: true, slow: true},
		"return is signed":           {code: words(paciasp, cbz), ret: true, slow: true},
		"argument is overwritten":    {code: words(movX0, cbz), want: Want{C, 1}, slow: true},
		"result register is no want": {code: words(movX0, cbz), want: Want{C, 0}, at: 4},
		"indirect call":              {code: words(blr), want: Want{C, 8}},
		"return is emulated":         {code: words(ret), want: Want{C, 8}},
		"nop that is not emulated":   {code: words(nop, cbz), want: Want{C, 8}, at: 4},
		"nop that is":                {code: words(nop, cbz), want: Want{C, 8}, kernel: Kernel{NopARM64: true}},
		"system call":                {code: words(svc, cbz), want: Want{C, 8}, slow: true},
	} {
		t.Run(name, func(t *testing.T) {
			p, ok := place(arm64{}, tt.code, tt.want, tt.ret, tt.kernel)
			require.True(t, ok)
			assert.Equal(t, tt.slow, p.Slow, p)
			assert.EqualValues(t, 0x1000+tt.at, p.Addr, p)
			assert.Equal(t, tt.stack, p.Stack, p)
		})
	}
	in := arm64{}.decode([]byte(words(bl)), 0x1000, Kernel{})
	assert.EqualValues(t, 0x1040, in.target)
	in = arm64{}.decode([]byte(words(0x17ffffff)), 0x1000, Kernel{})
	assert.EqualValues(t, 0xffc, in.target, "backwards")
	assert.Equal(t, jump, in.flow)
}

// Where a Go function keeps its first argument, and its caller finds the second.
func TestHome(t *testing.T) {
	file := func(a arch, code string) (*File, Func) {
		return &File{arch: a, r: bytes.NewReader([]byte(code)), elf: &elf.File{Progs: []*elf.Prog{{
			ProgHeader: elf.ProgHeader{Type: elf.PT_LOAD, Vaddr: 0x1000, Filesz: uint64(len(code))},
		}}}}, Func{Name: "f", Addr: 0x1000, Size: uint64(len(code)), Go: true}
	}
	home := func(a arch, code string) (int, error) {
		f, fn := file(a, code)
		return f.Home(fn, Kernel{})
	}
	kept := func(a arch, code string) (int, error) {
		f, fn := file(a, code)
		return f.Kept(fn, 1, Kernel{})
	}
	const (
		prologue = "\x55\x48\x89\xe5\x48\x83\xec\x60" // push rbp; mov rbp, rsp; sub rsp, 0x60
		call     = "\xe8\x00\x01\x00\x00"
	)
	at, err := home(amd64{}, prologue+"\x48\x89\x44\x24\x70"+call) // mov [rsp+0x70], rax
	require.NoError(t, err)
	assert.Equal(t, 0x70, at)
	_, err = home(amd64{}, prologue+"\x48\x89\x44\x24\x68"+call) // a local variable
	require.ErrorContains(t, err, "does not keep its argument 1 at 0x70")
	_, err = home(amd64{}, "\x48\x29\xc4"+call) // sub rsp, rax
	require.ErrorContains(t, err, "size that is not known")
	// str x30, [sp, #-112]!; stur x29, [sp, #-8]; sub x29, sp, #8; str x0, [sp, #120]; bl
	at, err = home(arm64{}, words(0xf8190ffe, 0xf81f83fd, 0xd10023fd, 0xf9003fe0, 0x94000010))
	require.NoError(t, err)
	assert.Equal(t, 120, at)
	at, err = kept(amd64{}, prologue+"\x48\x89\x5c\x24\x78"+call) // mov [rsp+0x78], rbx
	require.NoError(t, err)
	assert.Equal(t, 8, at)
	_, err = kept(amd64{}, prologue+"\x48\x89\x44\x24\x78"+call) // another register
	require.ErrorContains(t, err, "does not keep its argument 2 at 0x78")
	at, err = kept(arm64{}, words(0xf8190ffe, 0xf81f83fd, 0xd10023fd, 0xf90043e1, 0x94000010)) // str x1, [sp, #128]
	require.NoError(t, err)
	assert.Equal(t, 16, at)
}
