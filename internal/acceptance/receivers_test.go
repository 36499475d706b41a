// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package acceptance

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Two receivers in one collector observe different servers, and a third all
// requests: none disturbs the others.
func TestReceiversSideBySide(t *testing.T) {
	beside(t)
	a, b := startNginx(t, noBackend), startNginx(t, noBackend)
	section := func(name string, ports ...int) string {
		var s strings.Builder
		s.WriteString("probes: {http: {}}\ntargets:\n")
		for _, p := range ports {
			fmt.Fprintf(&s, "  - {ports: %d, service_name: %s}\n", p, name)
		}
		return s.String()
	}
	c := startReceivers(t, map[string]string{
		"ebpf/a":    section("a", a.port),
		"ebpf/b":    section("b", b.port),
		"ebpf/both": section("both", a.port, b.port),
	})
	run(t, "ab", "-q", "-n", "300", "-c", "4", a.url("/hello"))
	run(t, "ab", "-q", "-n", "500", "-c", "4", b.url("/hello"))
	c.settle(t)
	c.shutdown(t)
	service := func(name string) func(attrs) bool {
		return func(r attrs) bool { return r["service.name"] == name }
	}
	for name, want := range map[string]int{"a": 300, "b": 500, "both": 800} {
		assert.Len(t, c.spansOf(ptrace.SpanKindServer, service(name)), want, name)
		assert.EqualValues(t, want, c.countOf(serverDuration, service(name)), name)
	}
}
