// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package discovery

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
)

// threadsSource ends a process of many threads in a way that is chosen by its
// argument. The main thread always leaves with 0.
const threadsSource = `
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/syscall.h>

static pthread_barrier_t together;
static int how;

static void *run(void *arg)
{
	long n = (long)arg;
	pthread_barrier_wait(&together);
	if (how == 1 && n == 3)
		exit(9);
	if (how == 2 && n == 3)
		raise(SIGSEGV);
	if (how == 3 && n == 3)
		execl("/proc/self/exe", "threads", "4", (char *)0);
	if (how == 3)
		pause();
	return 0;
}

int main(int argc, char **argv)
{
	pthread_t t;
	how = atoi(argv[1]);
	if (how == 4)
		return 11;
	pthread_barrier_init(&together, 0, 9);
	for (long i = 0; i < 8; i++)
		pthread_create(&t, 0, run, (void *)i);
	pthread_barrier_wait(&together);
	if (how == 3)
		pause();
	pthread_exit(0);
}
`

// TestManyThreads has threads end at the same time, by themselves, by exit in
// one of them, by a signal, and by an exec of a thread that is not the leader:
// each process ends once, with its right status.
func TestManyThreads(t *testing.T) { eachVariant(t, testManyThreads) }

func testManyThreads(t *testing.T, variant int) {
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("needs a C compiler")
	}
	dir := t.TempDir()
	source, program := filepath.Join(dir, "threads.c"), filepath.Join(dir, "threads")
	require.NoError(t, os.WriteFile(source, []byte(threadsSource), 0o644))
	out, err := exec.Command(cc, "-O1", "-pthread", "-o", program, source).CombinedOutput()
	require.NoError(t, err, string(out))

	w := start(t, variant, selectBy(t, discovery.Selector{Exe: program}))
	for how, want := range map[int]struct{ code, signal, execs int }{
		0: {0, 0, 1},
		1: {9, 0, 1},
		2: {0, 11, 1},
		3: {11, 0, 2},
	} {
		t.Run(strconv.Itoa(how), func(t *testing.T) {
			var pids []int
			for range 50 {
				cmd := exec.Command(program, strconv.Itoa(how))
				cmd.Dir = dir
				err := cmd.Run()
				var status *exec.ExitError
				if err != nil && !errors.As(err, &status) {
					t.Fatal(err)
				}
				pids = append(pids, cmd.Process.Pid)
			}
			w.eventually(t, "the last exit", func() bool { return len(w.of(pids[len(pids)-1], discovery.Exit)) > 0 })
			for _, pid := range pids {
				exits := w.of(pid, discovery.Exit)
				require.Len(t, exits, 1)
				assert.Len(t, w.of(pid, discovery.Exec), want.execs)
				if want.signal == 0 {
					assert.Equal(t, want.code, exits[0].ExitCode())
				}
				assert.Equal(t, want.signal, exits[0].Signal())
			}
		})
	}
}
