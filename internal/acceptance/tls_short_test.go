// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package acceptance

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Clients that live for some milliseconds and are the only ones with their library: it is found while
// one of the first runs, and what follows is seen from its first byte, also after a while in which there
// is none.
func TestShortClientsOverTLS(t *testing.T) {
	live(t)
	n := startTLSNginx(t)
	c := startCollector(t, "probes: {http: {}}\ntargets: [{exe: /**/curl}]\n")
	time.Sleep(3 * time.Second) // the receiver is at rest
	ask := func(path string) { run(t, "curl", "-sSk", "--fail", n.https(path)) }
	seen := func(series string) (paths map[string]int) {
		paths = map[string]int{}
		for _, s := range c.spansOf(ptrace.SpanKindClient, func(attrs) bool { return true }) {
			if url, _ := s.attr("url.full").(string); strings.Contains(url, "/hello?"+series) {
				paths[url]++
			}
		}
		return paths
	}
	first := 0
	waitFor(t, "the library to be found", func() bool {
		ask(fmt.Sprintf("/hello?first=%d", first))
		first++
		return attachedTo(c, "libssl")
	})
	const many, later = 30, 10
	for i := range many {
		ask(fmt.Sprintf("/hello?many=%d", i))
	}
	time.Sleep(3 * time.Second)
	for i := range later {
		ask(fmt.Sprintf("/hello?later=%d", i))
	}
	entries := n.quit(t)
	assert.Len(t, entries, first+many+later)
	assert.Eventually(t, func() bool { return len(seen("many"))+len(seen("later")) >= many+later }, 20*time.Second, 100*time.Millisecond)
	t.Logf("%d of the first %d, %d of %d, %d of %d later", len(seen("first")), first, len(seen("many")), many, len(seen("later")), later)
	assert.Len(t, seen("many"), many)
	assert.Len(t, seen("later"), later)
	for _, series := range []string{"first", "many", "later"} {
		for url, times := range seen(series) {
			assert.Equal(t, 1, times, url)
		}
	}
}
