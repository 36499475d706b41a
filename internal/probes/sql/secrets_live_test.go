// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package sql_test

import (
	"os"
	"os/exec"
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

// tapped gives what leaves the kernel of both sides while do runs, until it holds the given
// word twice. It runs once with each variant of the Daemon that this machine can have.
func tapped(t *testing.T, proto stream.Proto, exes []string, until string, do func(t *testing.T), check func(t *testing.T, seen string)) {
	t.Helper()
	for i, v := range socket.Factory().Manifest.Variants {
		if v.Name != "socket_tracepoints" && v.Name != "sys_exit" {
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
			seen := &tap{proto: proto}
			require.NoError(t, s.(stream.Source).Register(seen))
			livetest.Attach(t, d)
			livetest.Attach(t, s)
			stopD, stopS := livetest.Pump(t, d, nil), livetest.Pump(t, s, nil)
			do(t)
			require.Eventually(t, func() bool { return strings.Count(seen.bytes(), until) >= 2 }, 20*time.Second, 50*time.Millisecond)
			stopS()
			stopD()
			check(t, seen.bytes())
		})
	}
}

// Of a login to MariaDB only what stands before the user's name leaves the kernel.
func TestLiveMariaDBSecrets(t *testing.T) {
	m := startMariaDB(t)
	m.run("CREATE USER 'somebody'@'%' IDENTIFIED BY 'hunter2'")
	tapped(t, stream.ProtoMySQL, []string{m.exe, "/usr/bin/mariadb"}, "visible", func(t *testing.T) {
		dbtest.Run(t, exec.Command(dbtest.Program(t, "mariadb"), "--no-defaults", "-h", "127.0.0.1", "-P", strconv.Itoa(m.port), "-u", "somebody", "-phunter2",
			"--skip-ssl", "-e", "SELECT 'visible'"))
	}, func(t *testing.T, seen string) {
		assert.NotContains(t, seen, "somebody")
		assert.NotContains(t, seen, "mysql_native_password\x00\x14")
		assert.Contains(t, seen, "MariaDB", "the server's greeting")
		// 19 bytes that are reserved stand before four more of the capabilities.
		assert.Contains(t, seen, strings.Repeat("\x00", 19), "the beginning of the login")
	})
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
	tapped(t, stream.ProtoPostgreSQL, []string{p.exe, "/usr/lib/postgresql/*/bin/psql"}, "visible", login, func(t *testing.T, seen string) {
		assert.NotContains(t, seen, "hunter2")
		assert.Contains(t, seen, "somebody")
	})
}
