// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package golang_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/features"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest"
	"go.uber.org/zap/zaptest/observer"

	"github.com/ebpfreceiver/ebpfreceiver"
	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
)

// run starts the program and waits until it listens.
func run(t testing.TB, exe string, urls ...string) (pid, port int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port = l.Addr().(*net.TCPAddr).Port
	require.NoError(t, l.Close())
	cmd := exec.Command(exe, append([]string{strconv.Itoa(port)}, urls...)...)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", port))
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}, 10*time.Second, 10*time.Millisecond)
	return cmd.Process.Pid, port
}

type span struct {
	ptrace.Span
	service string
}

func (s span) attr(name string) string {
	v, ok := s.Attributes().Get(name)
	if !ok {
		return ""
	}
	return v.AsString()
}

// id is what tells a request: the end of the path.
func (s span) id() string {
	url := s.attr("url.full") + s.attr("url.path")
	return url[strings.LastIndexByte(url, '/')+1:]
}

// spans reads what came, by service and kind.
func spans(sink *consumertest.TracesSink) map[string]map[ptrace.SpanKind][]span {
	all := map[string]map[ptrace.SpanKind][]span{}
	for _, td := range sink.AllTraces() {
		for _, r := range td.ResourceSpans().All() {
			name, _ := r.Resource().Attributes().Get("service.name")
			for _, scope := range r.ScopeSpans().All() {
				for _, s := range scope.Spans().All() {
					if all[name.Str()] == nil {
						all[name.Str()] = map[ptrace.SpanKind][]span{}
					}
					all[name.Str()][s.Kind()] = append(all[name.Str()][s.Kind()], span{s, name.Str()})
				}
			}
		}
	}
	return all
}

// A service asks three others in goroutines, for 64 callers at a time. Each request is one
// trace: the service's span, three calls under it, and under each what was called.
func TestLiveFanOut(t *testing.T) {
	livetest.RequireRoot(t)
	t.Run("uprobe_multi", func(t *testing.T) {
		if errors.Is(features.HaveBPFLinkUprobeMulti(), ebpf.ErrNotSupported) {
			t.Skip("the kernel has no uprobe_multi")
		}
		testFanOut(t, "uprobe_multi", 30)
	})
	t.Run("uprobe", func(t *testing.T) { testFanOut(t, "uprobe", 5) })
}

func testFanOut(t *testing.T, variant string, each int) {
	livetest.CheckLeaks(t)
	exe := filepath.Join(t.TempDir(), "fanout")
	out, err := exec.Command("go", "build", "-o", exe, "./testdata/fanout").CombinedOutput()
	require.NoError(t, err, string(out))
	var targets []any
	var urls []string
	for i := range 3 {
		pid, port := run(t, exe)
		targets = append(targets, map[string]any{"pid": pid, "service_name": fmt.Sprint("backend", i)})
		urls = append(urls, fmt.Sprint("http://127.0.0.1:", port))
	}
	pid, port := run(t, exe, urls...)
	targets = append(targets, map[string]any{"pid": pid, "service_name": "service"})

	sink := new(consumertest.TracesSink)
	f := ebpfreceiver.NewFactory()
	cfg := f.CreateDefaultConfig()
	require.NoError(t, confmap.NewFromStringMap(map[string]any{
		"targets": targets, "probes": map[string]any{"http": nil, "go": nil}, "variants": map[string]any{"go": variant},
	}).Unmarshal(cfg))
	set := receivertest.NewNopSettings(f.Type())
	core, logs := observer.New(zap.InfoLevel)
	set.Logger = zaptest.NewLogger(t, zaptest.WrapOptions(zap.WrapCore(func(c zapcore.Core) zapcore.Core { return zapcore.NewTee(c, core) })))
	starts := func() int { return logs.FilterMessageSnippet("that a Go program starts are followed").Len() }
	r, err := f.CreateTraces(context.Background(), set, cfg, sink)
	require.NoError(t, err)
	require.NoError(t, r.Start(context.Background(), componenttest.NewNopHost()))

	const callers = 64
	client := http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: callers}}
	get := func(c, i int) {
		res, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d/r/%d-%d", port, c, i))
		if assert.NoError(t, err) {
			assert.Equal(t, http.StatusOK, res.StatusCode)
			_ = res.Body.Close()
		}
	}
	// A program that calls nobody pays for none of its goroutines.
	const alone = 200
	for range alone {
		res, err := client.Get(urls[0] + "/alone")
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
	}
	time.Sleep(500 * time.Millisecond)
	require.Zero(t, starts(), "nobody has called anybody")
	warm := 0
	require.Eventually(t, func() bool { // the first calls are why they are followed
		get(callers, warm)
		warm++
		return starts() == 1
	}, 20*time.Second, 200*time.Millisecond)
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				get(c, i)
			}
		})
	}
	wg.Wait()
	client.CloseIdleConnections()
	time.Sleep(time.Second)
	require.NoError(t, r.Shutdown(context.Background()))

	n := callers*each + warm
	all := spans(sink)
	first := fmt.Sprintf("%d-", callers) // how the first begin
	served, calls := all["service"][ptrace.SpanKindServer], all["service"][ptrace.SpanKindClient]
	assert.Len(t, served, n)
	assert.Len(t, calls, 3*n)
	parents := map[[8]byte]span{}
	for _, s := range served {
		assert.True(t, s.ParentSpanID().IsEmpty())
		parents[s.SpanID()] = s
	}
	children, orphans := map[[8]byte]int{}, 0
	for _, s := range calls {
		p, ok := parents[s.ParentSpanID()]
		if !ok {
			if !strings.HasPrefix(s.id(), first) {
				orphans++
			}
			continue
		}
		children[p.SpanID()]++
		assert.Equal(t, p.TraceID(), s.TraceID())
		assert.Equal(t, p.id(), s.id(), "it belongs to another request")
		parents[s.SpanID()] = s
	}
	assert.Zero(t, orphans, "calls without a parent")
	for id, count := range children {
		assert.Equal(t, 3, count, parents[id].id())
	}
	apart := 0
	for i := range 3 {
		inner := slices.DeleteFunc(all[fmt.Sprint("backend", i)][ptrace.SpanKindServer], func(s span) bool { return s.id() == "alone" })
		assert.Len(t, inner, n)
		for _, s := range inner {
			p, ok := parents[s.ParentSpanID()]
			if !ok {
				if !strings.HasPrefix(s.id(), first) {
					apart++
				}
				continue
			}
			assert.Equal(t, p.TraceID(), s.TraceID())
			assert.Equal(t, p.id(), s.id())
		}
	}
	assert.Zero(t, apart, "what was called without a parent")
}
