// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package acceptance

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// selectable is a Python service that is told apart by its name in one way.
type selectable struct {
	*service
	want string // service.name, empty when it must not be seen
}

// startSelectable does not wait until it listens.
func startSelectable(t *testing.T, want string, port int, change func(*exec.Cmd), args ...string) *selectable {
	t.Helper()
	cmd := exec.Command(program(t, "python3"), append([]string{"testdata/service.py", strconv.Itoa(port)}, args...)...)
	if change != nil {
		change(cmd)
	}
	return &selectable{&service{port: port, child: start(t, cmd)}, want}
}

// asUser lets the command run as that user.
func asUser(uid uint32) func(*exec.Cmd) {
	return func(c *exec.Cmd) {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	}
}

func env(settings ...string) func(*exec.Cmd) {
	return func(c *exec.Cmd) { c.Env = append(os.Environ(), settings...) }
}

// The processes are selected by what their targets say, the first target that
// matches names them, and what they say of themselves goes before that.
func TestTargetsSelectProcesses(t *testing.T) {
	beside(t)
	const user = 54321
	portBefore, portAfter := freePort(t), freePort(t)
	section := fmt.Sprintf(`
targets:
  - {service_name: by-cmdline, cmdline: "service.py [0-9]+ marked"}
  - {service_name: by-port, ports: "%d,%d"}
  - {service_name: by-user, user: %d}
  - {service_name: by-glob, exe: "/**/goserver"}
exclude:
  - cmdline: "service.py [0-9]+ marked but excluded"
probes: {http: {}}
`, portBefore, portAfter, user)

	probing := exec.Command(program(t, "python3"), "-c", "")
	asUser(user)(probing)
	otherUser := probing.Run() == nil // Python may lie where only root reads

	all := func(port int) []*selectable {
		marked := func(want string, change func(*exec.Cmd)) *selectable {
			return startSelectable(t, want, freePort(t), change, "marked")
		}
		list := []*selectable{
			marked("by-cmdline", nil),
			marked("own-name", env("OTEL_SERVICE_NAME=own-name")),
			marked("own-attribute", env("OTEL_RESOURCE_ATTRIBUTES=service.name=own-attribute,deployment.environment.name=test")),
			startSelectable(t, "", freePort(t), nil, "marked but excluded"),
			startSelectable(t, "", freePort(t), nil, "other"),
			startSelectable(t, "by-port", port, nil),
			{startGo(t), "by-glob"},
		}
		if otherUser {
			list = append(list, startSelectable(t, "by-user", freePort(t), asUser(user)))
		}
		for _, s := range list {
			s.wait(t)
		}
		return list
	}
	services := all(portBefore)
	c := startCollector(t, section)
	services = append(services, all(portAfter)...)
	const requests = 3
	for _, s := range services {
		for range requests {
			run(t, "curl", "-sS", "--fail", s.url("/hello"))
		}
	}
	c.settle(t)
	c.shutdown(t)
	for _, s := range services {
		spans := c.spansOf(ptrace.SpanKindServer, of(s.pid()))
		if s.want == "" {
			assert.Empty(t, spans, "%v was not selected", s.cmd.Args)
			continue
		}
		if assert.Len(t, spans, requests, "%v", s.cmd.Args) {
			assert.Equal(t, s.want, spans[0].resource["service.name"], "%v", s.cmd.Args)
		}
	}
	named := c.spansOf(ptrace.SpanKindServer, func(a attrs) bool { return a["service.name"] == "own-attribute" })
	require.NotEmpty(t, named)
	assert.Equal(t, "test", named[0].resource["deployment.environment.name"])
}

// The workers of a server that is selected by its port do not listen
// themselves: they are forked. So are those that it starts later.
func TestWorkersAreSelectedWithTheirServer(t *testing.T) {
	beside(t)
	first := startNginx(t, noBackend) // before the collector
	port := freePort(t)
	section := fmt.Sprintf("targets: [{service_name: web, ports: \"%d,%d\"}]\nprobes: {http: {}}\n", first.port, port)
	c := startCollector(t, section)
	second := startNginxAt(t, port, noBackend)

	old := children(t, first.pid())
	require.NoError(t, first.cmd.Process.Signal(syscall.SIGHUP)) // new workers
	waitFor(t, "new workers", func() bool {
		now := children(t, first.pid())
		return len(now) == 2 && now[0] != old[0] && now[0] != old[1] && now[1] != old[0] && now[1] != old[1]
	})
	const requests = 50
	for _, n := range []*nginx{first, second} {
		run(t, "ab", "-q", "-n", strconv.Itoa(requests), "-c", "4", n.url("/hello"))
	}
	for _, n := range []*nginx{first, second} {
		pids := children(t, n.pid())
		waitFor(t, "the requests", func() bool { return len(c.spansOf(ptrace.SpanKindServer, of(pids...))) >= requests })
		spans := c.spansOf(ptrace.SpanKindServer, of(pids...))
		assert.Len(t, spans, requests)
		assert.Equal(t, "web", spans[0].resource["service.name"])
	}
	c.shutdown(t)
}
