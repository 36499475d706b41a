// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package tls

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/arch/x86/x86asm"

	"github.com/ebpfreceiver/ebpfreceiver/internal/uprobe"
)

// real finds libraries and programs of this machine.
func real(t *testing.T, pattern string) string {
	t.Helper()
	if path, err := exec.LookPath(pattern); err == nil {
		path, err = filepath.EvalSymlinks(path)
		require.NoError(t, err)
		return path
	}
	found, err := filepath.Glob("/usr/lib/*-linux-gnu/" + pattern)
	require.NoError(t, err)
	if len(found) == 0 {
		t.Skipf("there is no %s", pattern)
	}
	return found[0]
}

// TestRealLibraries: where to attach in what is installed, at a price of no more than what
// the kernel emulates.
func TestRealLibraries(t *testing.T) {
	for file, want := range map[string]struct {
		name string
		how  string
	}{
		"libssl.so.3":     {"OpenSSL", byRecord},
		"node":            {"OpenSSL", byRecord},
		"libgnutls.so.30": {"GnuTLS", byCall},
	} {
		t.Run(file, func(t *testing.T) {
			open, err := os.Open(real(t, file))
			require.NoError(t, err)
			defer open.Close()
			l, err := examine(open, uprobe.Kernel{})
			require.NoError(t, err)
			assert.Equal(t, want.name, l.name)
			if runtime.GOARCH == "amd64" {
				assert.Equal(t, want.how, l.how)
			}
			programs := map[string]int{}
			for _, h := range l.hooks {
				programs[h.program] += len(h.points)
				for _, p := range h.points {
					t.Logf("%s of %s: %s", h.program, l.name, p)
					assert.False(t, p.Slow, "%s", p)
				}
			}
			if l.how == byRecord {
				assert.Equal(t, 1, programs["tls_openssl_record"])
				assert.Positive(t, programs["tls_openssl_copy"])
			} else {
				assert.Positive(t, programs["tls_leave_read"])
				assert.Positive(t, programs["tls_leave_write"])
			}
		})
	}
}

// TestWhatDoesNotEncrypt is told apart.
func TestWhatDoesNotEncrypt(t *testing.T) {
	for _, file := range []string{"libm.so.6", "sh"} {
		open, err := os.Open(real(t, file))
		require.NoError(t, err)
		_, err = examine(open, uprobe.Kernel{})
		require.ErrorIs(t, err, errNothing)
		require.NoError(t, open.Close())
	}
	text := filepath.Join(t.TempDir(), "text")
	require.NoError(t, os.WriteFile(text, []byte("no ELF"), 0o600))
	open, err := os.Open(text)
	require.NoError(t, err)
	defer open.Close()
	_, err = examine(open, uprobe.Kernel{})
	require.ErrorIs(t, err, errNothing)
}

// TestOtherCodeIsRefused: what is not known is attached to by calls, never at a place
// that was guessed.
func TestOtherCodeIsRefused(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		var c code
		for at := uint64(0x1000); len(c) < 400; {
			b := make([]byte, 15)
			for i := range b {
				b[i] = byte(r.Uint32())
			}
			in, err := x86asm.Decode(b, 64)
			if err != nil {
				continue
			}
			c = append(c, inst{in, at})
			at += uint64(in.Len)
		}
		_, err := findCopies(c)
		require.ErrorIs(t, err, errCode)
		_, err = findWrite(c, 1)
		require.ErrorIs(t, err, errCode)
	}
}

func TestConfig(t *testing.T) {
	c := defaultConfig().(*Config)
	require.NoError(t, c.Validate())
	assert.True(t, c.Enabled())
	c.Off, c.Linger, c.MaxFiles = true, -1, 0
	assert.False(t, c.Enabled())
	assert.EqualError(t, c.Validate(), "linger: -1ns is negative\nmax_files: 0 is not positive")
}
