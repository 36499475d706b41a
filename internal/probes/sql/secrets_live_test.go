// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package sql_test

import (
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zaptest"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	discoveryprobe "github.com/ebpfreceiver/ebpfreceiver/internal/probes/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/dbtest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/socket"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// tap keeps all bytes of a protocol's connections that leave the kernel.
type tap struct {
	proto stream.Proto
	mu    sync.Mutex
	seen  []byte
}

func (p *tap) Proto() stream.Proto              { return p.proto }
func (p *tap) Open(*stream.Conn) stream.Handler { return p }
func (*tap) Lost(*probe.ProcessInfo, uint64)    {}
func (*tap) Skip(stream.Direction, int64)       {}
func (*tap) EOF(stream.Direction, uint64)       {}
func (*tap) Idle(uint64)                        {}
func (*tap) Close(stream.CloseReason, uint64)   {}
func (p *tap) Segment(s *stream.Segment) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = append(append(p.seen, s.Data...), s.Last[:s.LastLen]...)
}

func (p *tap) bytes() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return string(p.seen)
}

// rawTap keeps whole records beside: also what stands in them behind the bytes that count.
type rawTap struct {
	probe.Probe
	mu  sync.Mutex
	raw []byte
}

func (r *rawTap) Rings() []probe.Ring {
	rings := slices.Clone(r.Probe.(probe.RingReader).Rings())
	for i, ring := range rings {
		rings[i].Handle = func(record []byte) {
			r.mu.Lock()
			r.raw = append(r.raw, record...)
			r.mu.Unlock()
			ring.Handle(record)
		}
	}
	return rings
}

func (r *rawTap) bytes() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return string(r.raw)
}

// tapped gives what leaves the kernel of both sides while do runs, as bytes of the streams and
// as records, until the streams hold the first word twice, and the records the second one. It
// runs once with each variant of the Daemon that this machine can have.
func tapped(t *testing.T, proto stream.Proto, exes []string, until, last string, do func(t *testing.T), check func(t *testing.T, seen, raw string)) {
	t.Helper()
	for i, v := range socket.Factory().Manifest.Variants {
		if v.Name != "socket_tracepoints_files" && v.Name != "sys_exit" {
			continue
		}
		t.Run(v.Name, func(t *testing.T) {
			livetest.CheckLeaks(t)
			set := probe.Settings{Logger: zaptest.NewLogger(t), Clock: livetest.Clock{}}
			selection := &discovery.Selection{Self: uint32(os.Getpid())}
			for _, exe := range exes {
				m, err := (&discovery.Selector{Exe: exe}).Compile()
				require.NoError(t, err)
				selection.Targets = append(selection.Targets, m)
			}
			set.Selection = selection
			df, sf := discoveryprobe.Factory(), socket.Factory()
			d := livetest.Load(t, df, set, df.DefaultConfig(), nil)
			set.Processes = d.(probe.Processes)
			s := livetest.LoadVariant(t, sf, i, set, sf.DefaultConfig(), map[string]probe.Probe{"discovery": d})
			seen, raw := &tap{proto: proto}, &rawTap{Probe: s}
			require.NoError(t, s.(stream.Source).Register(seen))
			s.(probe.Ticker).Tick(livetest.Clock{}.Now()) // all is registered
			livetest.Attach(t, d)
			livetest.Attach(t, s)
			stopD, stopS := livetest.Pump(t, d, nil), livetest.Pump(t, raw, nil)
			do(t)
			require.Eventually(t, func() bool {
				return strings.Count(seen.bytes(), until) >= 2 && strings.Contains(raw.bytes(), last)
			}, 20*time.Second, 50*time.Millisecond)
			stopS()
			stopD()
			check(t, seen.bytes(), raw.bytes())
		})
	}
}

// between passes one connection on to the server at a port, and gives what the client sent.
func between(t *testing.T, port int) (at int, sent func() string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done, client := make(chan struct{}), bytes.Buffer{}
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		s, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			return
		}
		defer s.Close()
		go func() { _, _ = io.Copy(c, s) }()
		_, _ = io.Copy(s, io.TeeReader(c, &client))
	}()
	t.Cleanup(func() { l.Close() })
	return l.Addr().(*net.TCPAddr).Port, func() string {
		<-done
		return client.String()
	}
}

// Of a login to MariaDB the database's name leaves the kernel, and neither the user nor the
// answer to the challenge, which stand before it; also not behind what counts in a record.
// What was sent is known by what passed on the way.
func TestLiveMariaDBSecrets(t *testing.T) {
	const user = "somebody_whose_name_is_longer_than_what_is_looked_at_of_a_segment"
	const answerLen = 20 // of SHA1
	m := startMariaDB(t)
	m.run("CREATE USER '" + user + "'@'%' IDENTIFIED BY 'hunter2'; CREATE DATABASE warehouse; GRANT SELECT ON warehouse.* TO '" + user + "'@'%'")
	for _, database := range []string{"", "warehouse"} {
		t.Run(database, func(t *testing.T) {
			var sent string
			tapped(t, stream.ProtoMySQL, []string{m.exe, "/usr/bin/mariadb"}, "visible", "\x01\x00\x00\x00\x01", func(t *testing.T) {
				port, client := between(t, m.port)
				dbtest.Run(t, exec.Command(dbtest.Program(t, "mariadb"), "--no-defaults", "-h", "127.0.0.1", "-P", strconv.Itoa(port), "-u", user, "-phunter2",
					"--skip-ssl", "-e", "SELECT 'visible'", database))
				sent = client()
			}, func(t *testing.T, seen, raw string) {
				_, answer, ok := strings.Cut(sent, user+"\x00"+string(rune(answerLen)))
				require.True(t, ok && len(answer) > answerLen, "%q", sent)
				for i := range answerLen - 4 {
					assert.NotContains(t, raw, answer[i:i+5], "of the answer to the challenge")
				}
				assert.NotContains(t, raw, user)
				assert.NotContains(t, raw, "hunter2")
				assert.NotContains(t, raw, "_client_name", "an attribute, behind all of these")
				assert.Contains(t, seen, "MariaDB", "the server's greeting")
				// 19 bytes that are reserved stand before four more of the capabilities.
				reserved := strings.Repeat("\x00", 19)
				assert.Contains(t, seen, reserved, "the beginning of the login")
				logins := strings.Split(seen, reserved)[1:]
				require.GreaterOrEqual(t, len(logins), 2, "of the client and of the server")
				if database == "" || strings.HasSuffix(t.Name(), "sys_exit") {
					return // of which that variant sends no more
				}
				blotted := strings.Repeat("*", len(user)) + "\x00" + string(rune(answerLen)) + strings.Repeat("*", answerLen) + "warehouse\x00"
				for _, l := range logins {
					require.Greater(t, len(l), 4+len(blotted))
					assert.Equal(t, blotted, l[4:4+len(blotted)])
				}
			})
		})
	}
}

// A password that PostgreSQL asks for in the clear does not leave the kernel.
func TestLivePgSecrets(t *testing.T) {
	p := startPostgres(t)
	p.psql("-c", "CREATE ROLE somebody LOGIN PASSWORD 'hunter2'")
	hba := strings.TrimSpace(p.psql("-c", "SHOW hba_file"))
	trust, err := os.ReadFile(hba)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(hba, append([]byte("host all somebody all password\n"), trust...), 0o600))
	p.psql("-c", "SELECT pg_reload_conf()")
	login := func(t *testing.T) {
		cmd := p.command("psql", "-U", "somebody", "-c", "SELECT 'visible'")
		cmd.Env = append(cmd.Env, "PGPASSWORD=hunter2")
		dbtest.Run(t, cmd)
	}
	tapped(t, stream.ProtoPostgreSQL, []string{p.exe, "/usr/lib/postgresql/*/bin/psql"}, "visible", "X\x00\x00\x00\x04", login, func(t *testing.T, seen, raw string) {
		assert.NotContains(t, raw, "hunter2")
		assert.Contains(t, seen, "somebody")
	})
}
