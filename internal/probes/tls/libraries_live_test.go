// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package tls_test

import (
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ebpfreceiver/ebpfreceiver/internal/kernels/support"
	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/dbtest"
)

// fetched gives the directory that fetch.sh unpacks openssl of another release of Debian into.
func fetched(t *testing.T, suite string) string {
	t.Helper()
	out, err := exec.Command("./fetch.sh", suite).CombinedOutput()
	if err != nil && os.Getenv("CI") == "" {
		t.Skipf("openssl of %s cannot be fetched: %s", suite, out)
	}
	require.NoError(t, err, string(out))
	root, err := filepath.Abs("../../../.cache/tls/" + suite)
	require.NoError(t, err)
	root, err = filepath.EvalSymlinks(root)
	require.NoError(t, err)
	return root
}

// boringSSL is the library of Debian's package android-libboringssl.
const boringSSL = "android/libssl.so.0"

// client is a program that uses a library.
type client struct {
	library, version, program string
	exe                       string // for the selection
	// command makes so many requests for path/0, path/1 ...
	command func(path string, n int) *exec.Cmd
}

// pause is a reader that has nothing, after a while.
type pause time.Duration

func (p pause) Read([]byte) (int, error) {
	time.Sleep(time.Duration(p))
	return 0, io.EOF
}

// ofOpenSSL is the program of the same name below root, which it sees nothing outside of.
func ofOpenSSL(t *testing.T, root string, port int) client {
	in := func(args ...string) *exec.Cmd {
		if root == "" {
			return exec.Command("openssl", args...)
		}
		return exec.Command("chroot", append([]string{root, "/usr/bin/openssl"}, args...)...)
	}
	version := strings.Fields(dbtest.Run(t, in("version")))
	return client{"OpenSSL", version[1], "openssl s_client", root + "/usr/bin/openssl", func(path string, n int) *exec.Cmd {
		cmd := in("s_client", "-quiet", "-connect", fmt.Sprintf("127.0.0.1:%d", port))
		var all strings.Builder
		for i := range n {
			more := "keep-alive"
			if i == n-1 {
				more = "close"
			}
			fmt.Fprintf(&all, "GET %s/%d HTTP/1.1\r\nHost: x:%d\r\nConnection: %s\r\n\r\n", path, i, port, more)
		}
		cmd.Stdin = strings.NewReader(all.String())
		if strings.HasPrefix(path, "/warm") { // it is to be there when its library is looked for
			first, rest, _ := strings.Cut(all.String(), "\r\n\r\n")
			cmd.Stdin = io.MultiReader(strings.NewReader(first+"\r\n\r\n"), pause(time.Second), strings.NewReader(rest))
		}
		return cmd
	}}
}

// Clients with other versions and makes of libraries: each request in nginx's log has a span of the
// client.
func TestLiveLibraries(t *testing.T) {
	livetest.RequireRoot(t)
	livetest.CheckLeaks(t)
	port := dbtest.FreePort(t)
	log := factsNginx(t, port)
	clients := map[string]client{}
	for name, make := range map[string]func(t *testing.T) client{
		"OpenSSL of bullseye": func(t *testing.T) client { return ofOpenSSL(t, fetched(t, "bullseye"), port) },
		"OpenSSL of trixie":   func(t *testing.T) client { return ofOpenSSL(t, fetched(t, "trixie"), port) },
		"OpenSSL":             func(t *testing.T) client { return ofOpenSSL(t, "", port) },
		"BoringSSL": func(t *testing.T) client {
			path, err := filepath.Glob("/usr/lib/*/" + boringSSL)
			require.NoError(t, err)
			if len(path) == 0 && os.Getenv("CI") == "" {
				t.Skip("the package android-libboringssl is not installed")
			}
			require.NotEmpty(t, path)
			version := dbtest.Run(t, exec.Command("dpkg-query", "-W", "-f=${source:Upstream-Version}", "android-libboringssl"))
			return client{"BoringSSL", "Android " + version, "Python's ctypes", "/**/python3*", func(prefix string, n int) *exec.Cmd {
				return exec.Command("python3", "testdata/boringssl.py", path[0], strconv.Itoa(port), prefix, strconv.Itoa(n))
			}}
		},
		"GnuTLS": func(t *testing.T) client {
			version := dbtest.Run(t, exec.Command("python3", "-c",
				`import ctypes; l = ctypes.CDLL("libgnutls.so.30"); f = l.gnutls_check_version; f.restype = ctypes.c_char_p; print(f(None).decode())`))
			return client{"GnuTLS", strings.TrimSpace(version), "wget", "/**/wget", func(prefix string, n int) *exec.Cmd {
				args := []string{"-q", "--no-check-certificate", "-O", "/dev/null"}
				for i := range n {
					args = append(args, fmt.Sprintf("https://127.0.0.1:%d%s/%d", port, prefix, i))
				}
				return exec.Command("wget", args...)
			}}
		},
	} {
		t.Run(name, func(t *testing.T) { clients[name] = make(t) })
	}
	// One receiver for all: to start takes longer than what each of them does.
	var targets []any
	for _, c := range clients {
		targets = append(targets, map[string]any{"exe": c.exe})
	}
	require.NotEmpty(t, targets)
	r := dbtest.Start(t, map[string]any{"targets": targets, "probes": map[string]any{"http": map[string]any{}}})
	for name, c := range clients {
		t.Run("requests of "+name, func(t *testing.T) { testLibrary(t, r, c, port, log) })
	}
}

// requestsOf counts the paths below prefix of which a client's span tells.
func requestsOf(t *testing.T, r *dbtest.Receiver, port int, prefix string) map[string]int {
	t.Helper()
	got := map[string]int{}
	for _, s := range r.Spans(port) {
		a := s.Attributes().AsRaw()
		u, err := url.Parse(put(a, "url.full"))
		require.NoError(t, err)
		if s.Kind() == ptrace.SpanKindClient && strings.HasPrefix(u.EscapedPath(), prefix) {
			got[u.EscapedPath()]++
			assert.Equal(t, "https", u.Scheme)
			assert.EqualValues(t, 200, a["http.response.status_code"])
			assert.NotEmpty(t, put(a, "tls.cipher"))
		}
	}
	return got
}

func testLibrary(t *testing.T, r *dbtest.Receiver, c client, port int, log string) {
	prefix := "/" + url.PathEscape(c.library+"-"+c.version)
	// The library is found by the first process that uses it, which may be gone by then.
	warm, first := 0, "/warm"+prefix+"/"
	require.Eventually(t, func() bool {
		dbtest.Run(t, c.command(first+strconv.Itoa(warm), 2))
		warm++
		return len(requestsOf(t, r, port, first)) > 0
	}, 30*time.Second, 200*time.Millisecond)
	const processes, each = 5, 8
	for i := range processes {
		dbtest.Run(t, c.command(fmt.Sprintf("%s/%d", prefix, i), each))
	}
	logged := map[string]int{}
	require.Eventually(t, func() bool {
		b, err := os.ReadFile(log)
		clear(logged)
		for line := range strings.Lines(string(b)) {
			if path, _, _ := strings.Cut(line, "|"); strings.HasPrefix(path, prefix+"/") {
				logged[path]++
			}
		}
		return err == nil && len(logged) == processes*each
	}, 20*time.Second, 50*time.Millisecond)
	var got map[string]int
	assert.Eventually(t, func() bool {
		got = requestsOf(t, r, port, prefix+"/")
		return len(got) == len(logged)
	}, 20*time.Second, 100*time.Millisecond)
	assert.Equal(t, logged, got)
	account := r.Account("tls")
	assert.Zero(t, account["lost"], "%v", account)
	t.Logf("%s %s: %d requests in the log, %d spans, %d processes to find it", c.library, c.version, len(logged), len(got), warm)
	record(t, support.Library{Library: c.library, Version: c.version, Program: c.program, Requests: len(got)})
}
