// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package acceptance

import (
	"fmt"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// service is one of the programs in testdata.
type service struct {
	*child
	port int
}

func startService(t testing.TB, port int, cmd *exec.Cmd) *service {
	t.Helper()
	s := &service{port: port, child: start(t, cmd)}
	s.wait(t)
	return s
}

func (s *service) wait(t testing.TB) {
	t.Helper()
	waitListening(t, s.child, s.port)
}

func startPython(t testing.TB, args ...string) *service {
	t.Helper()
	port := freePort(t)
	args = append([]string{"testdata/service.py", strconv.Itoa(port)}, args...)
	return startService(t, port, exec.Command(program(t, "python3"), args...))
}

func startNode(t testing.TB) *service {
	t.Helper()
	port := freePort(t)
	return startService(t, port, exec.Command(program(t, "node"), "testdata/service.js", strconv.Itoa(port)))
}

func startGo(t testing.TB) *service {
	t.Helper()
	exe := filepath.Join(t.TempDir(), "goserver")
	run(t, "go", "build", "-o", exe, "./testdata/goserver")
	port := freePort(t)
	return startService(t, port, exec.Command(exe, strconv.Itoa(port)))
}

func (s *service) url(path string) string { return fmt.Sprintf("http://127.0.0.1:%d%s", s.port, path) }

// calls is the address at which the service gets another one.
func (s *service) calls(other string) string { return s.url("/call?url=" + url.QueryEscape(other)) }

// targetPIDs is a section of the receiver that selects processes.
func targetPIDs(t testing.TB, pids ...int) string {
	t.Helper()
	require.NotEmpty(t, pids)
	var section strings.Builder
	section.WriteString("targets:\n")
	for _, pid := range pids {
		fmt.Fprintf(&section, "  - pid: %d\n", pid)
	}
	return section.String()
}
