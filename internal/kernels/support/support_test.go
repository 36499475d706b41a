// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package support

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/compat"
)

const (
	root = "../../.."
	page = root + "/docs/support.md"
)

// TestRecord compares the record with what the fetched kernels say now, and the
// page with the record. With UPDATE_GOLDEN=1 both are written ("make docs").
func TestRecord(t *testing.T) {
	update := os.Getenv("UPDATE_GOLDEN") == "1"
	rows, err := Read("results.json")
	if !update || !os.IsNotExist(err) {
		require.NoError(t, err)
	}
	images, err := filepath.Glob(root + "/.cache/kernels/*/vmlinuz")
	require.NoError(t, err)
	if len(images) == 0 {
		t.Log("no kernel is fetched: only the page is compared")
	}
	sets := map[string]*compat.Set{}
	for _, image := range images {
		arch := "x86_64"
		if filepath.Base(filepath.Dir(image))[len(filepath.Base(filepath.Dir(image)))-5:] == "arm64" {
			arch = "aarch64"
		}
		if sets[arch] == nil {
			sets[arch], err = Prepare(arch)
			require.NoError(t, err)
		}
		found, err := Derive(sets[arch], filepath.Dir(image))
		require.NoError(t, err)
		if update {
			rows = Merge(rows, found...)
			continue
		}
		for i := range found {
			if Find(rows, &found[i]) == nil {
				t.Logf("%s is not in the record: \"make test-kernels UPDATE=1\" takes it in", found[i].name())
				continue
			}
			assert.Empty(t, Differences(rows, &found[i]), "the record is stale: run \"make docs\"")
		}
	}
	rights, err := ReadRights("rights.json")
	require.NoError(t, err)
	libraries, err := ReadLibraries("libraries.json")
	require.NoError(t, err)
	if update {
		require.NoError(t, Write("results.json", rows))
		require.NoError(t, os.WriteFile(page, []byte(Markdown(rows, rights, libraries)), 0o644))
	}
	have, err := os.ReadFile(page)
	require.NoError(t, err)
	assert.Equal(t, Markdown(rows, rights, libraries), string(have), "docs/support.md is stale: run \"make docs\"")
}

func row(probes ...Probe) Row {
	return Row{Kernel: "6.12", Arch: "x86_64", Lockdown: "none", Probes: probes}
}

func TestMergeKeepsWhatABootConfirmed(t *testing.T) {
	recorded := []Row{row(Probe{Name: "a", State: "full", Booted: true}, Probe{Name: "b", State: "full", Booted: true})}
	rows := Merge(recorded, row(Probe{Name: "a", State: "full"}, Probe{Name: "b", State: "degraded"}))
	require.Len(t, rows, 1)
	assert.True(t, rows[0].Probes[0].Booted)
	assert.False(t, rows[0].Probes[1].Booted, "something else is said of it now")

	rows = Merge(rows, Row{Kernel: "6.1", Arch: "x86_64", Lockdown: "integrity"}, Row{Kernel: "6.1", Arch: "x86_64", Lockdown: "none"})
	assert.Equal(t, []string{"6.1 none", "6.1 integrity", "6.12 none"},
		[]string{rows[0].Kernel + " " + rows[0].Lockdown, rows[1].Kernel + " " + rows[1].Lockdown, rows[2].Kernel + " " + rows[2].Lockdown})
}

func TestDifferences(t *testing.T) {
	recorded := []Row{row(Probe{Name: "a", State: "full"}, Probe{Name: "b", State: "full", Variant: "x"}, Probe{Name: "old", State: "full"})}
	now := row(Probe{Name: "a", State: "full", Booted: true}, Probe{Name: "b", State: "full", Variant: "y"}, Probe{Name: "new", State: "full"})
	found := Differences(recorded, &now)
	require.Len(t, found, 3, "that more was confirmed is no difference")
	assert.Contains(t, found[0], "probe b: recorded")
	assert.Contains(t, found[1], "probe new: not recorded")
	assert.Contains(t, found[2], "probe old: recorded, but there is no such probe")
	assert.Empty(t, Differences(recorded, &recorded[0]))
}

func TestConfirm(t *testing.T) {
	r := row(Probe{Name: "a", State: "full", Variant: "x"}, Probe{Name: "b", State: "unsupported"}, Probe{Name: "c", State: "full", Variant: "x"}, Probe{Name: "d", State: "full"})
	differences, err := r.Confirm(`{"a": "x", "c": "y"}`)
	require.NoError(t, err)
	require.Len(t, differences, 2)
	assert.Contains(t, differences[0], "probe c")
	assert.Contains(t, differences[1], "probe d")
	assert.Equal(t, []bool{true, true, false, false}, []bool{r.Probes[0].Booted, r.Probes[1].Booted, r.Probes[2].Booted, r.Probes[3].Booted})
	_, err = r.Confirm("Kernel panic")
	assert.Error(t, err)
}
