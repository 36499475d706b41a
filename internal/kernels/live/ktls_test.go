// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package live

import (
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"golang.org/x/sys/unix"

	"github.com/ebpfreceiver/ebpfreceiver/internal/kernels"
	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
)

// notOverTLS are the ways that the kernel's TLS refuses: it knows no MSG_BATCH.
const notOverTLS = "mmsg"

// hasKernelTLS tells why a connection cannot be handed over to the kernel's TLS.
func hasKernelTLS() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return err
	}
	fd, err := descriptor(c)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return encrypt(fd, "", "0x303")
}

// TestKernelTLS: of connections that the kernel encrypts nothing is taken for what it is not.
//
// What programs move by system calls of their own is plaintext, which only the variant of the
// probe socket that looks at system calls sees: it then says that it was encrypted. The others see
// none of it, and lose nothing but that: what is sent passes them as ciphertext of which only the
// length is read, and what is received in buffers that name no socket. With a library it is the
// library's functions that show the plaintext, once, and the spans say that the kernel encrypts.
func TestKernelTLS(t *testing.T) {
	livetest.RequireRoot(t)
	if err := hasKernelTLS(); err != nil {
		t.Run("none", func(t *testing.T) { t.Skip("this kernel has no TLS: ", err) })
		return
	}
	able, _, runs := choices(t)
	if _, ok := runs["http"]; !ok {
		t.Skip("this kernel does not let the probe http run")
	}
	for i, c := range able {
		if i == 0 || c.forced["socket"] == withoutExtensions {
			t.Run(c.name, func(t *testing.T) {
				livetest.CheckLeaks(t)
				testKernelTLS(t, c, runs["socket"])
			})
		}
	}
}

func testKernelTLS(t *testing.T, c choice, variant string) {
	self, err := os.Executable()
	require.NoError(t, err)
	server := newNginx(t)
	targets := []any{map[string]any{"exe": self}}
	if server.exe != "" {
		targets = append(targets, map[string]any{"exe": server.exe})
	}
	settings := map[string]any{"probes": map[string]any{"http": map[string]any{}}, "targets": targets}
	if c.forced != nil {
		variant = withoutExtensions
		settings["probes"], settings["variants"] = httpAlone(), map[string]any{"socket": variant}
	}
	sinks := &telemetry{}
	stop, _, err := run(t, sinks, settings)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, stop()) })
	require.Equal(t, variant, sinks.running(t)["socket"])

	w := &workload{roles: map[string]string{}, spans: map[string]int{}}
	for _, how := range []string{"0x303", "0x304", "0x304 handshake"} {
		path := "/" + strings.ReplaceAll(how, " ", "/") + "/"
		server := w.start(t, func(int) {}, "way-server", "ktls "+how, "127.0.0.1:0", path, notOverTLS)
		address, err := server.out.ReadString('\n')
		require.NoError(t, err)
		client := w.start(t, func(int) {}, "way-client", "ktls "+how, strings.TrimSpace(address), path, notOverTLS)
		require.True(t, client.end(t).Success())
		require.True(t, server.end(t).Success())
		if variant != withoutExtensions {
			continue
		}
		for i := range ways {
			if ways[i].name == notOverTLS {
				continue
			}
			heirs := map[string]string{"child": "-child", "passed": "-heir"}[ways[i].name]
			w.spans["Server way-server"+heirs+" GET "+path+ways[i].name+" 200"] = 2
			w.spans["Client way-client"+heirs+" GET "+path+ways[i].name+" 200"] = 2
		}
	}
	if variant != withoutExtensions && server.exe != "" {
		server.serve(t, w, sinks)
	}
	for end := time.Now().Add(20 * time.Second); sinks.traces.SpanCount() < w.exchanges() && time.Now().Before(end); {
		time.Sleep(50 * time.Millisecond)
	}
	lost := sinks.lost(t)
	if missed := missedOf(lost); missed != "" && variant == withoutExtensions {
		t.Skip("the kernel skipped programs, which the receiver says; nothing is compared: ", missed)
	}
	assert.Empty(t, lost, "nothing is lost")
	require.NoError(t, stop())
	got := sinks.byService()
	for what := range got {
		if strings.Contains(what, "/warm") {
			delete(got, what)
		}
	}
	assert.Equal(t, w.spans, got)
	for _, span := range spansOf(sinks) {
		kernel, ok := span.Attributes().Get("ebpf.tls.kernel")
		byGo := span.Kind() == ptrace.SpanKindClient && variant != withoutExtensions // the client of nginx
		assert.Equal(t, !byGo, ok && kernel.Bool(), "%v", span.Attributes().AsRaw())
	}
}

func spansOf(s *telemetry) (all []ptrace.Span) {
	for _, td := range s.traces.AllTraces() {
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					all = append(all, span)
				}
			}
		}
	}
	return all
}

// inGuest tells whether there is nothing but the test binary.
func inGuest() bool { return os.Getenv(kernels.InGuest) != "" }
