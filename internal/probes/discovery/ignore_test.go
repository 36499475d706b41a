// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package discovery

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
)

// An ignored process is none of the kernel's business, and neither is a child that it has
// meanwhile; observed again, both are as before. One that ends meanwhile is forgotten.
func TestLiveIgnore(t *testing.T) {
	for name, selection := range map[string]*discovery.Selection{
		"all":      selectBy(t),
		"selected": selectBy(t, discovery.Selector{Exe: "/**/*sh"}),
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t, 0, selection)
			begin := func() (cmd *exec.Cmd, ask func()) {
				// It forks a shell when it is told to. That ends with it.
				cmd = exec.Command("/bin/bash", "-c", "read; (read; :); :")
				in, err := cmd.StdinPipe()
				require.NoError(t, err)
				require.NoError(t, cmd.Start())
				t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
				// The kernel forgets at an exec what it was told. Start returns a little before that.
				w.eventually(t, "the exec", func() bool { return len(w.of(cmd.Process.Pid, discovery.Exec)) == 1 })
				return cmd, func() {
					_, err := in.Write([]byte("\n"))
					require.NoError(t, err)
				}
			}
			state := func(pid uint32) uint32 {
				var p proc
				if w.procs.Lookup(pid, p.bytes()) != nil {
					return map[bool]uint32{true: stateSelected, false: stateIgnored}[w.selection.All()]
				}
				return uint32(p.state)
			}
			cmd, fork := begin()
			pid := uint32(cmd.Process.Pid)
			info := w.Lookup(pid, 0)
			w.eventually(t, "the decision", func() bool { return state(pid) == stateSelected })

			require.NoError(t, w.Ignore(pid, info.StartTime))
			assert.EqualValues(t, stateIgnored, state(pid))
			exec := w.of(int(pid), discovery.Exec)[0]
			w.table.Handle(&exec)
			assert.EqualValues(t, stateIgnored, state(pid), "a decision on what was before does not undo it")
			fork()
			var child uint32
			w.eventually(t, "the child", func() bool {
				text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
				require.NoError(t, err)
				n, _ := fmt.Sscan(string(text), &child)
				return n == 1
			})
			// It is listed before the tracepoint of the fork is passed.
			w.eventually(t, "the child is left out, too", func() bool { return state(child) == stateIgnored })
			require.NoError(t, w.Observe(pid, info.StartTime, livetest.Clock{}.Now()))
			assert.EqualValues(t, stateSelected, state(pid))
			assert.EqualValues(t, stateSelected, state(child))
			fork() // and both end

			gone, _ := begin()
			goneInfo := w.Lookup(uint32(gone.Process.Pid), 0)
			w.eventually(t, "the decision", func() bool { return state(uint32(gone.Process.Pid)) == stateSelected })
			require.NoError(t, w.Ignore(goneInfo.PID, goneInfo.StartTime))
			require.NoError(t, gone.Process.Kill())
			_ = gone.Wait()
			assert.True(t, w.table.Selected(goneInfo.PID, goneInfo.StartTime), "nobody tells")
			require.NoError(t, w.Observe(goneInfo.PID, goneInfo.StartTime, livetest.Clock{}.Now()))
			assert.False(t, w.table.Selected(goneInfo.PID, goneInfo.StartTime))
			require.NoError(t, w.Ignore(goneInfo.PID, goneInfo.StartTime), "it is gone")
		})
	}
}
