// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package acceptance

import (
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Without a pipeline for traces the probe "go" is for the routes in metrics, and loaded only when
// it is asked for.
func TestRoutesOfMetricsAlone(t *testing.T) {
	live(t)
	service := startGo(t)
	for _, tt := range []struct {
		name, section string
		route         any
	}{
		{"by default", "", nil},
		{"asked for", "probes: {http: {}, go: {}, " + plain + "}", "/hello"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := startPipelines(t, []string{"metrics"}, map[string]string{"ebpf": targetPIDs(t, service.pid()) + tt.section}, exec.Command)
			if tt.route == nil {
				assert.Contains(t, c.out.String(), `for metrics alone it is loaded only when it has a section`)
			} else {
				waitFor(t, "the program to be attached", func() bool {
					return strings.Contains(c.out.String(), "Goroutines of a Go program are followed")
				})
			}
			const n = 20
			for range n {
				r, err := http.Get(service.url("/hello"))
				require.NoError(t, err)
				require.NoError(t, r.Body.Close())
			}
			measured := func() uint64 { return c.countOf("http.server.request.duration", of(service.pid())) }
			waitFor(t, "the metrics", func() bool { return measured() == n })
			for _, p := range c.pointsOf("http.server.request.duration", of(service.pid())) {
				assert.Equal(t, tt.route, p.attrs["http.route"], "%d: %v", p.count, p.attrs)
			}
		})
	}
}
