// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package blockio

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// full makes a device of 8 MiB of which only the first can be written to, and gives its path.
func full(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("none", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skip("nothing can be mounted: ", err)
	}
	t.Cleanup(func() { assert.NoError(t, unix.Unmount(dir, 0)) })
	image := filepath.Join(dir, "image")
	require.NoError(t, exec.Command("truncate", "-s", "8m", image).Run())
	out, err := exec.Command("losetup", "-f", "--show", image).CombinedOutput()
	if err != nil {
		t.Skipf("there are no loop devices: %s", out)
	}
	device := strings.TrimSpace(string(out))
	t.Cleanup(func() { assert.NoError(t, exec.Command("losetup", "-d", device).Run()) })
	return device
}

// A device that has no space left: dd ends with the first write that fails. With dsync the
// device writes its cache after each.
func TestErrors(t *testing.T) {
	livetest.RequireRoot(t)
	for variant, v := range variants() {
		for _, flags := range []string{"direct", "direct,dsync"} {
			t.Run(v.Name+" "+flags, func(t *testing.T) {
				path := full(t)
				i, metrics, pump := loadVariant(t, variant)
				cmd := exec.Command("dd", "if=/dev/zero", "of="+path, "bs=64k", "count=64", "oflag="+flags)
				out, err := cmd.CombinedOutput()
				require.Error(t, err)
				require.Contains(t, string(out), "16+0 records out")
				time.Sleep(100 * time.Millisecond)
				pump.Stop()
				pump.Collect(t, i)
				attrs := attrOperation + "=write," + attrDevice + "=" + filepath.Base(path)
				whose := cmd.Process.Pid
				assert.EqualValues(t, 1, metrics.Values(metricErrors, whose)[attrs])
				d := last(metrics, metricDevice, whose, attrs)
				require.NotNil(t, d)
				assert.EqualValues(t, 17, d.Count(), "of these 16 succeeded")
				assert.EqualValues(t, 17*64<<10, metrics.Values(metricIO, whose)[attrDirection+"=write,"+attrDevice+"="+filepath.Base(path)])
				c := i.(probe.Accountant).Counts()
				assert.Equal(t, c.Seen, c.Delivered+c.Filtered+c.TotalLost(), "%+v", c)
			})
		}
	}
}
