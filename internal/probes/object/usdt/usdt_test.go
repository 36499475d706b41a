// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package usdt

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseArgs(t *testing.T) {
	for _, tt := range []struct {
		arch, text string
		want       []Arg
	}{
		{"amd64", "", nil},
		{"amd64", "-4@$1 8@$-7", []Arg{{Const, 4, true, 0, 1}, {Const, 8, false, 0, -7}}},
		{"amd64", "8@%rbx -4@%r15d 1@%dil", []Arg{{Register, 8, false, 40, 0}, {Register, 4, true, 0, 0}, {Register, 1, false, 112, 0}}},
		{"amd64", "-4@-136(%rbp) 4@(%r12)", []Arg{{Memory, 4, true, 32, -136}, {Memory, 4, false, 24, 0}}},
		{"arm64", "-4@5 8@x19 4@w0", []Arg{{Const, 4, true, 0, 5}, {Register, 8, false, 152, 0}, {Register, 4, false, 0, 0}}},
		{"arm64", "8@[sp, 28] 8@[x1]", []Arg{{Memory, 8, false, 248, 28}, {Memory, 8, false, 8, 0}}},
	} {
		got, err := ParseArgs(tt.text, tt.arch)
		require.NoError(t, err, tt.text)
		assert.Equal(t, tt.want, got, tt.text)
	}
	for text, want := range map[string]string{
		"-4@NBuffers(%rip)":       `argument 1 of "-4@NBuffers(%rip)": the form of "-4@NBuffers(%rip)" is not known`,
		"8@%rax 8@%xyz":           `argument 2 of "8@%rax 8@%xyz": "xyz" is no register`,
		"3@%rax":                  `argument 1 of "3@%rax": the form of "3@%rax" is not known`,
		"8@(%rax,%rbx,4)":         `argument 1 of "8@(%rax,%rbx,4)": the form of "8@(%rax,%rbx,4)" is not known`,
		"8@$99999999999999999999": `argument 1 of "8@$99999999999999999999": "99999999999999999999" is no number`,
	} {
		_, err := ParseArgs(text, "amd64")
		assert.EqualError(t, err, want)
	}
}

// The probes of Python, as another reader of notes tells them.
func TestReadPython(t *testing.T) {
	python, err := filepath.EvalSymlinks("/usr/bin/python3") // Debian's
	if err != nil {
		t.Skip("needs python3: run scripts/install-deps.sh test")
	}
	probes, err := Read(python)
	require.NoError(t, err)
	text, err := exec.Command("readelf", "-n", python).Output()
	require.NoError(t, err)
	listed := regexp.MustCompile(`Provider: (\S+)\s+Name: (\S+)\s+Location: (0x[0-9a-f]+), Base: \S+, Semaphore: (0x[0-9a-f]+)\s+Arguments: ?(.*)`).FindAllSubmatch(text, -1)
	require.NotEmpty(t, listed)
	require.Len(t, probes, len(listed))
	for i, p := range probes {
		assert.Equal(t, string(listed[i][1]), p.Provider)
		assert.Equal(t, string(listed[i][2]), p.Name)
		assert.Equal(t, string(listed[i][5]), p.Args)
		location, err := strconv.ParseUint(string(listed[i][3]), 0, 64)
		require.NoError(t, err)
		// The program is not position independent: it is loaded at 0x400000.
		assert.Equal(t, location&0xfff, p.Offset&0xfff, p.Name)
		assert.NotZero(t, p.Semaphore)
	}
}

func FuzzRead(f *testing.F) {
	if data, err := os.ReadFile("/bin/true"); err == nil {
		f.Add(data)
	}
	f.Add([]byte("\x7fELF\x02\x01\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		probes, err := Read(path)
		if err != nil {
			return
		}
		for _, p := range probes {
			_, _ = ParseArgs(p.Args, "amd64")
			_, _ = ParseArgs(p.Args, "arm64")
		}
	})
}
