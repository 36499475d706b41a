// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package timeslice

import (
	"errors"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// slices are those of all threads of this process.
func slices(t *testing.T) map[int]time.Duration {
	t.Helper()
	threads, err := os.ReadDir("/proc/self/task")
	require.NoError(t, err)
	all := map[int]time.Duration{}
	for _, one := range threads {
		id, err := strconv.Atoi(one.Name())
		require.NoError(t, err)
		attr, err := unix.SchedGetAttr(id, 0)
		if errors.Is(err, unix.ESRCH) {
			continue
		}
		require.NoError(t, err)
		all[id] = time.Duration(attr.Runtime)
	}
	return all
}

func TestSetsThoseOfAllThreads(t *testing.T) {
	before := slices(t)[os.Getpid()]
	err := Set(300 * time.Microsecond)
	if errors.Is(err, ErrUnsupported) {
		t.Skip(err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, Set(0)) })

	// Threads that begin now, each kept by a goroutine of its own.
	begun, end := make(chan struct{}), make(chan struct{})
	for range 8 {
		go func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			begun <- struct{}{}
			<-end
		}()
	}
	for range 8 {
		<-begun
	}
	now := slices(t)
	close(end)
	assert.Greater(t, len(now), 8)
	for id, length := range now {
		assert.Equal(t, 300*time.Microsecond, length, "thread %d", id)
	}

	require.NoError(t, Set(time.Microsecond), "the kernel's bound instead")
	assert.Equal(t, Min, slices(t)[os.Getpid()])

	require.NoError(t, Set(0))
	for id, length := range slices(t) {
		assert.Equal(t, before, length, "thread %d", id)
	}
}

func TestKeepsTheNiceValue(t *testing.T) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		assert.NoError(t, unix.Setpriority(unix.PRIO_PROCESS, 0, 7))
		if err := set(unix.Gettid(), 200*time.Microsecond); !errors.Is(err, ErrUnsupported) {
			assert.NoError(t, err)
		}
		attr, err := unix.SchedGetAttr(0, 0)
		assert.NoError(t, err)
		assert.EqualValues(t, 7, attr.Nice)
		assert.EqualValues(t, unix.SCHED_NORMAL, attr.Policy)
	}()
	<-done
}
