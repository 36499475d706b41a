// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package uprobe

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func open(t testing.TB, path string) *File {
	t.Helper()
	r, err := os.Open(path)
	if os.IsNotExist(err) {
		t.Skip(path, "is not installed")
	}
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	f, err := NewFile(r)
	require.NoError(t, err)
	return f
}

// build makes the program of testdata and returns its path.
func build(t testing.TB, env []string, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	cmd := exec.Command("go", append(append([]string{"build", "-o", path}, args...), "./testdata/program")...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return path
}

// Go programs, as toolchains build them. Where functions are is asked of an unstripped twin.
func TestGoPrograms(t *testing.T) {
	const (
		probed  = "main.probed"
		newproc = "runtime.newproc1"
	)
	for name, tt := range map[string]struct {
		env  []string
		args []string
		arch string
	}{
		"static":   {env: []string{"CGO_ENABLED=0", "GOARCH=amd64"}, arch: "amd64"},
		"pie":      {env: []string{"CGO_ENABLED=0", "GOARCH=amd64"}, args: []string{"-buildmode=pie"}, arch: "amd64"},
		"arm64":    {env: []string{"CGO_ENABLED=0", "GOARCH=arm64"}, arch: "arm64"},
		"external": {env: []string{"CGO_ENABLED=1"}, args: []string{"-tags=withc", "-ldflags=-linkmode=external"}, arch: runtime.GOARCH},
		"external pie": {env: []string{"CGO_ENABLED=1"}, args: []string{"-tags=withc", "-buildmode=pie", "-ldflags=-linkmode=external"},
			arch: runtime.GOARCH},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.HasPrefix(name, "external") {
				if _, err := exec.LookPath("gcc"); err != nil {
					t.Skip("needs a C compiler")
				}
			}
			whole := build(t, tt.env, tt.args...)
			args := []string{"-ldflags=-s -w"}
			for _, a := range tt.args {
				if flags, ok := strings.CutPrefix(a, "-ldflags="); ok {
					args[0] += " " + flags
				} else {
					args = append(args, a)
				}
			}
			f := open(t, build(t, tt.env, args...))
			assert.Equal(t, tt.arch, f.Arch())
			assert.Equal(t, runtime.Version(), f.GoVersion())
			require.Nil(t, f.elf.SectionByType(elf.SHT_SYMTAB), "it is not stripped")
			assert.NotEmpty(t, f.BuildID())

			truth := nm(t, whole)
			unstripped := open(t, whole)
			for _, name := range []string{probed, newproc, "main.work", "runtime.mallocgc"} {
				fn, err := f.Func(name)
				require.NoError(t, err)
				named, err := unstripped.Func(name)
				require.NoError(t, err)
				assert.Equal(t, truth[name], named.Addr, name)
				assert.Equal(t, code(t, unstripped, named)[:16], code(t, f, fn)[:16], name)
				if !strings.HasPrefix(t.Name(), "TestGoPrograms/external") {
					assert.Equal(t, truth[name], fn.Addr, "Go's linker puts %s at the same place", name)
				}
			}

			fn, err := f.Func(probed)
			require.NoError(t, err)
			assert.True(t, fn.Go)
			p, err := f.Entry(fn, Want{Go, 3}, Kernel{})
			require.NoError(t, err)
			assert.False(t, p.Slow, p)
			if tt.arch == "amd64" {
				assert.False(t, p.Repeats, "it is behind the stack check")
				assert.Equal(t, "push rbp", p.Inst)
			} else {
				assert.True(t, p.Repeats, "the stack check comes again when the stack has grown")
				assert.True(t, strings.HasPrefix(p.Inst, "b ls"), p.Inst)
			}
			_, err = f.Return(fn, Kernel{})
			require.ErrorIs(t, err, ErrGoReturn)

			work, err := f.Func("main.work")
			require.NoError(t, err)
			calls, err := f.Calls(fn, work, Kernel{})
			require.NoError(t, err)
			require.Len(t, calls, 1)
			assert.False(t, calls[0].Slow)
			rets, err := f.Returns(fn, Kernel{})
			require.NoError(t, err)
			require.Len(t, rets, 1)
			assert.Equal(t, tt.arch == "amd64", rets[0].Slow, "arm64 emulates ret")
			callees, err := f.Callees(fn, Kernel{})
			require.NoError(t, err)
			assert.Contains(t, callees, Func{Name: callees[0].Name, Addr: work.Addr, Offset: work.Offset, Go: true})
		})
	}
}

// nm asks Go's own tool for the addresses of functions.
func nm(t *testing.T, path string) map[string]uint64 {
	t.Helper()
	out, err := exec.Command("go", "tool", "nm", path).Output()
	require.NoError(t, err)
	addrs := map[string]uint64{}
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) == 3 {
			addrs[f[2]], err = strconv.ParseUint(f[0], 16, 64)
			require.NoError(t, err)
		}
	}
	return addrs
}

func code(t *testing.T, f *File, fn Func) []byte {
	t.Helper()
	b, err := f.code(fn)
	require.NoError(t, err)
	return b
}

// OpenSSL, as Debian and Node.js build it. Offsets are not compared: they are those of one
// build. That the place is in front of what the C compiler put behind it is asked of objdump.
func TestLibraries(t *testing.T) {
	for _, path := range []string{"/usr/lib/x86_64-linux-gnu/libssl.so.3", "/usr/lib/aarch64-linux-gnu/libssl.so.3", "/usr/bin/node"} {
		t.Run(filepath.Base(path), func(t *testing.T) {
			f := open(t, path)
			assert.Len(t, f.BuildID(), 40)
			assert.Empty(t, f.GoVersion())
			names := []string{"SSL_read", "SSL_write", "SSL_read_ex", "SSL_write_ex", "SSL_do_handshake"}
			fns, err := f.Funcs(append(names, "SSL_no_such_function")...)
			require.NoError(t, err)
			require.Len(t, fns, len(names))
			for _, name := range names {
				p, err := f.Entry(fns[name], Want{C, 3}, Kernel{})
				require.NoError(t, err)
				assert.False(t, p.Slow, p)
				assert.False(t, p.Repeats, p)
				assert.Less(t, p.Addr-fns[name].Addr, uint64(64))
				mnemonic, _, _ := strings.Cut(p.Inst, " ")
				assert.Contains(t, disassembly(t, path, fns[name]), mnemonic, "objdump does not know that instruction")
			}
			_, err = f.Func("SSL_no_such_function")
			require.ErrorIs(t, err, ErrNotFound)
		})
	}
}

func disassembly(t *testing.T, path string, fn Func) string {
	t.Helper()
	if _, err := exec.LookPath("objdump"); err != nil {
		t.Skip("needs objdump")
	}
	out, err := exec.Command("objdump", "-d", "-M", "intel", "--no-show-raw-insn", "--start-address="+strconv.FormatUint(fn.Addr, 10),
		"--stop-address="+strconv.FormatUint(fn.Addr+64, 10), path).Output()
	require.NoError(t, err)
	return string(out)
}

// A result is read behind the call that gives it: Debian's SSL_read calls an internal function.
func TestAfter(t *testing.T) {
	f := open(t, "/usr/lib/x86_64-linux-gnu/libssl.so.3")
	fn, err := f.Func("SSL_read")
	require.NoError(t, err)
	callees, err := f.Callees(fn, Kernel{})
	require.NoError(t, err)
	require.NotEmpty(t, callees)
	points, err := f.After(fn, callees[0], C, 1, Kernel{})
	require.NoError(t, err)
	require.Len(t, points, 1)
	assert.False(t, points[0].Slow, points)
	p, err := f.Return(callees[0], Kernel{})
	require.NoError(t, err)
	assert.False(t, p.Slow, p)
	p, err = f.Return(fn, Kernel{})
	require.NoError(t, err)
	assert.True(t, p.Slow, "it begins with sub")
	err = &SlowError{Points: []Point{p}}
	assert.Contains(t, err.Error(), "SSL_read at 0x")
	assert.Contains(t, err.Error(), "for its return; allow_slow_uprobes attaches all the same")
}

// A program without Go's tables and without symbols, for which nothing is found.
func TestNothing(t *testing.T) {
	f := open(t, "/usr/sbin/nginx")
	assert.Len(t, f.BuildID(), 40)
	assert.Nil(t, f.BuildInfo())
	fns, err := f.Funcs("SSL_read", "main.main") // SSL_read is in the table, but somebody else's
	require.NoError(t, err)
	assert.Empty(t, fns)
	_, err = NewFile(bytes.NewReader([]byte("#!/bin/sh\n")))
	assert.ErrorContains(t, err, "not an executable")
}

// Damaged files give errors.
func FuzzFile(f *testing.F) {
	whole, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		f.Skip(err)
	}
	f.Add(whole[:4096], uint16(70), byte(3))
	f.Fuzz(func(_ *testing.T, b []byte, at uint16, bits byte) {
		if len(b) == 0 {
			return
		}
		b = bytes.Clone(b)
		b[int(at)%len(b)] ^= bits
		file, err := NewFile(bytes.NewReader(b))
		if err != nil {
			return
		}
		_ = file.BuildID()
		_ = file.GoVersion()
		fns, err := file.Funcs("main.main", "SSL_read")
		if err != nil {
			return
		}
		for _, fn := range fns {
			_, _ = file.Entry(fn, Want{C, 3}, Kernel{})
			_, _ = file.Returns(fn, Kernel{})
		}
	})
}

// Of two functions of one name, calls of either are calls of it: Go's linker adds wrappers
// from one ABI to the other.
func TestWrappers(t *testing.T) {
	f := &File{elf: &elf.File{Progs: []*elf.Prog{{ProgHeader: elf.ProgHeader{Type: elf.PT_LOAD, Flags: elf.PF_X, Vaddr: 0x1000, Filesz: 0x1000}}}}}
	table := tableOf(t, []uint32{0x100, 0x200, 0x300, 0x320}, "runtime.memmove", "other", "runtime.memmove")
	table.text = 0x1000
	wanted := map[string]bool{"runtime.memmove": true}
	stripped := map[string]Func{}
	require.NoError(t, table.lookup(f, wanted, stripped))
	fn := stripped["runtime.memmove"]
	assert.True(t, fn.Go)
	assert.True(t, fn.at(0x1100))
	assert.True(t, fn.at(0x1300))
	assert.False(t, fn.at(0x1200))

	symbols := map[string]Func{"runtime.memmove": {Name: "runtime.memmove", Addr: 0x1300, Offset: 0x300}}
	require.NoError(t, table.lookup(f, wanted, symbols))
	fn = symbols["runtime.memmove"]
	assert.EqualValues(t, 0x1300, fn.Addr, "the symbol table knows which is the function")
	assert.EqualValues(t, 0x20, fn.Size)
	assert.True(t, fn.at(0x1100))
}
