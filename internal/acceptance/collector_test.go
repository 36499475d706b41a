// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package acceptance

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// plain, in the section of the probes, leaves out those that see what programs encrypt. To load
// them takes most of the time that a collector takes to start, and some tests start it to look at what
// is the same with and without them.
const plain = "tls: {off: true}"

// collector is a running collector that sends all it makes to a sink.
type collector struct {
	*child
	*sink
	ownPort int
	config  string // the path of the configuration
}

// startCollector runs the collector with one receiver, whose section is given
// in YAML, and waits until it says that it runs.
func startCollector(t testing.TB, section string) *collector {
	t.Helper()
	return startReceivers(t, map[string]string{"ebpf": section})
}

// startReceivers is startCollector with any number of receivers.
func startReceivers(t testing.TB, sections map[string]string) *collector {
	t.Helper()
	return startReceiversAs(t, sections, exec.Command)
}

// startReceiversAs is startReceivers where command makes the collector's process.
func startReceiversAs(t testing.TB, sections map[string]string, command func(name string, args ...string) *exec.Cmd) *collector {
	t.Helper()
	return startPipelines(t, []string{"traces", "metrics", "logs"}, sections, command)
}

// startPipelines is startReceiversAs with pipelines of some signals only.
func startPipelines(t testing.TB, signals []string, sections map[string]string, command func(name string, args ...string) *exec.Cmd) *collector {
	t.Helper()
	c := &collector{sink: newSink(t), ownPort: freePort(t)}
	c.config = c.writeConfig(t, signals, sections)
	c.child = start(t, command(collectorPath(t), "--config=file:"+c.config))
	waitFor(t, "the collector to run", func() bool {
		require.False(t, c.ended(), "the collector ended: %s", c.out)
		return strings.Contains(c.out.String(), "Everything is ready")
	})
	return c
}

// configured is a whole configuration. What is refused comes back to the
// receiver at once: the exporter keeps no queue and does not try again.
const configured = `
receivers:
%s
exporters:
  otlp:
    endpoint: 127.0.0.1:%d
    tls: {insecure: true}
    compression: none
    sending_queue: {enabled: false}
    retry_on_failure: {enabled: false}
service:
  pipelines:
%s  telemetry:
    metrics:
      readers:
        - pull: {exporter: {prometheus: {host: 127.0.0.1, port: %d}}}
`

func (c *collector) writeConfig(t testing.TB, signals []string, sections map[string]string) string {
	t.Helper()
	var receivers, pipelines strings.Builder
	var names []string
	for name, section := range sections {
		names = append(names, name)
		fmt.Fprintf(&receivers, "  %s:\n", name)
		if !strings.Contains(section, "collection_interval:") {
			receivers.WriteString("    collection_interval: 500ms\n")
		}
		for line := range strings.Lines(strings.TrimSpace(section)) {
			receivers.WriteString("    " + line)
		}
		receivers.WriteString("\n")
	}
	for _, signal := range signals {
		fmt.Fprintf(&pipelines, "    %s: {receivers: [%s], exporters: [otlp]}\n", signal, strings.Join(names, ", "))
	}
	path := filepath.Join(t.TempDir(), "collector.yaml")
	text := fmt.Sprintf(configured, receivers.String(), c.port, pipelines.String(), c.ownPort)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// shutdown ends the collector, which sends the rest.
func (c *collector) shutdown(t testing.TB) {
	t.Helper()
	c.stop(t, syscall.SIGTERM)
	require.True(t, c.cmd.ProcessState.Success(), "%s: %s", c.cmd.ProcessState, c.out)
}
