// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package postgresql

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment/segmenttest"
)

// server is a PostgreSQL of this machine in a temporary directory, with a Unix socket only.
type server struct {
	t      *testing.T
	dir    string
	binary string
	cred   *syscall.Credential
}

func startServer(t *testing.T) *server {
	t.Helper()
	postgres := segmenttest.Live(t, "/usr/lib/postgresql/*/bin/postgres")[0]
	dir, err := os.MkdirTemp("/tmp", "pg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &server{t: t, dir: dir, binary: filepath.Dir(postgres)}
	if os.Getuid() == 0 {
		u, err := user.Lookup("postgres")
		if err != nil {
			t.Fatal(err)
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		s.cred = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		os.Chown(dir, uid, gid)
	}
	data := dir + "/data"
	s.run("", "initdb", "-D", data, "-U", "app", "-A", "trust", "-N", "--locale=C", "-E", "UTF8")
	hba := "local all secret scram-sha-256\nlocal all all trust\n"
	if err := os.WriteFile(data+"/pg_hba.conf", []byte(hba), 0o644); err != nil {
		t.Fatal(err)
	}
	s.run("", "pg_ctl", "-D", data, "-w", "-l", dir+"/log", "-o",
		"-c listen_addresses='' -c unix_socket_directories="+dir+" -c fsync=off -c max_prepared_transactions=4"+
			" -c shared_preload_libraries=pg_stat_statements -c pg_stat_statements.track=top -c pg_stat_statements.max=5000", "start")
	t.Cleanup(func() { s.run("", "pg_ctl", "-D", data, "-m", "immediate", "stop") })
	s.run("create extension pg_stat_statements; create table t(a int primary key, b text);"+
		"create role secret login password 'hunter2hunter2'", "psql", "-qX", "-h", dir, "-U", "app", "postgres")
	return s
}

// run runs a program of PostgreSQL with that input and gives its output.
func (s *server) run(input, name string, args ...string) string {
	s.t.Helper()
	out, err := s.try(input, name, args...)
	if err != nil {
		s.t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return out
}

func (s *server) try(input, name string, args ...string) (string, error) {
	cmd := exec.Command(s.binary+"/"+name, args...)
	cmd.Dir = s.dir
	cmd.Stdin = strings.NewReader(input)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "PGPASSWORD=hunter2hunter2")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.cred}
	if name == "pg_ctl" { // the server keeps the pipes open
		return "", cmd.Run()
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (s *server) query(q string) string {
	s.t.Helper()
	return strings.TrimSpace(s.run("", "psql", "-qXAt", "-h", s.dir, "-U", "app", "-c", q, "postgres"))
}

// calls is the server's count of executed statements since the reset before it.
func (s *server) reset() { s.query("select pg_stat_statements_reset()") }

func (s *server) calls(utility bool) int {
	s.t.Helper()
	filter := "pg_stat_statements"
	if !utility {
		filter = "(?i)pg_stat_statements|^begin|^end"
	}
	n, err := strconv.Atoi(s.query("select coalesce(sum(calls),0) from pg_stat_statements where query !~ '" + filter + "'"))
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// statements is what the dissector saw executed without error. Continuing a portal is not
// counted by the server, nor is a statement whose commit failed in its Sync.
func statements(all []Exchange, got []string, utility bool) (n int) {
	for i := range all {
		switch e := &all[i]; {
		case e.Kind == KindSync:
			n--
		case !utility && (strings.Contains(got[i], "[BEGIN") || strings.Contains(got[i], "[COMMIT")):
		case e.Kind == KindQuery || e.Kind == KindExecute && !e.Continued:
			n += e.Statements
		}
	}
	return n
}

// Operations seen equal the server's own statistics, with the whole stream and with
// prefixes as the capture takes them.
func TestLive(t *testing.T) {
	s := startServer(t)
	address := s.dir + "/.s.PGSQL.5432"
	run := func(name string, act func(port string)) {
		t.Run(name, func(t *testing.T) {
			r := segmenttest.NewRelay(t, "unix", address)
			s.reset()
			act(r.Port())
			conns := r.Take()
			// PostgreSQL 15 counts a prepared BEGIN or END only the first time.
			utility := name != "pgbench prepared"
			want := s.calls(utility)
			for _, limit := range []int{1 << 30, 8 << 10, 2 << 10, 256} {
				cfg := NewConfig(Options{})
				got, kinds, ops := 0, map[string]int{}, 0
				for _, ev := range conns {
					c := &conn{t: t, cfg: cfg}
					c.p = cfg.NewParser(c.emit)
					for _, e := range ev {
						c.now += 10
						sg := Segment{Data: []byte(e.Bytes[:min(len(e.Bytes), limit)]), Len: int64(len(e.Bytes)), Start: c.now, End: c.now + 1}
						sg.LastLen = uint8(copy(sg.Last[:], e.Bytes[max(0, len(e.Bytes)-8):]))
						if e.Bytes == "" {
							c.p.EOF(e.Dir, c.now)
						} else {
							c.p.Segment(e.Dir, &sg)
						}
					}
					c.p.Close(CloseNormal, c.now)
					got += statements(c.all, c.got, utility)
					ops += len(c.all)
					for _, e := range c.all {
						kinds[e.Kind.String()+" "+e.Outcome.String()]++
					}
				}
				st := cfg.Stats()
				t.Logf("prefix %d: %d connections, %d operations, %d statements, server %d; %v; %+v", limit, len(conns), ops, got, want, kinds, *st)
				if limit == 1<<30 && (got != want || st.Drops()+st.Gaps+st.UnexpectedResponses+st.UndecodableRequests+st.UndecodableResponses+st.SkippedBytes+st.OrphanResponses > 0) {
					t.Errorf("%d statements, server %d: %+v", got, want, *st)
				}
				if st.Requests != st.Exchanges+st.Drops() {
					t.Errorf("conservation: %+v", *st)
				}
			}
			if dir := os.Getenv("DISSECTOR_SAVE"); dir != "" {
				sort.Slice(conns, func(i, j int) bool { return len(conns[i]) > len(conns[j]) })
				segmenttest.Write(t, filepath.Join(dir, strings.ReplaceAll(name, " ", "_")+".txt"), conns[0])
			}
		})
	}
	psql := func(input string) func(string) {
		return func(port string) {
			s.try(input, "psql", "-qXAt", "-h", "127.0.0.1", "-p", port, "-U", "app", "postgres")
		}
	}
	run("psql", psql("select 1;\nselect 1\\; select 2\\; insert into t values(1,'x'),(2,'y');\nselect nope;\nselect 1/0;\n"+
		"begin;\nupdate t set b='z';\nselect 1/0;\nselect 3;\nrollback;\n"+
		"insert into t select g, repeat('r',200) from generate_series(10,150) g;\nselect * from t;\nselect count(*) from t;\n"))
	run("copy", psql("copy t to stdout;\ncopy t from stdin;\n1000\tone\n1001\ttwo\n\\.\ncopy t from stdin;\nbad\n\\.\nselect 5;\n"))
	run("notify", psql("listen c;\nnotify c, 'p';\nset application_name='x';\nselect 1;\ndo $$ begin raise notice 'n'; end $$;\n"))
	run("cursor", psql("begin;\ndeclare c cursor for select * from t;\nfetch 5 from c;\nfetch 100 from c;\ncommit;\n"))
	run("tls refused", func(port string) {
		s.run("select 1", "psql", "-qXAt", "sslmode=prefer host=127.0.0.1 port="+port+" user=app dbname=postgres")
	})
	run("scram", func(port string) {
		s.run("select 1", "psql", "-qXAt", "sslmode=disable host=127.0.0.1 port="+port+" user=secret dbname=postgres")
	})
	for _, mode := range []string{"simple", "extended", "prepared"} {
		run("pgbench "+mode, func(port string) {
			if mode == "simple" {
				s.run("", "pgbench", "-i", "-q", "-s", "1", "-h", "127.0.0.1", "-p", port, "-U", "app", "postgres")
			}
			s.run("", "pgbench", "-n", "-c", "3", "-t", "60", "-M", mode, "-h", "127.0.0.1", "-p", port, "-U", "app", "postgres")
		})
	}
	script := filepath.Join(s.dir, "pipeline.sql")
	os.WriteFile(script, []byte("\\startpipeline\nselect 1;\nselect generate_series(1,50);\nselect 2;\n\\endpipeline\n"), 0o644)
	run("pgbench pipeline", func(port string) {
		s.run("", "pgbench", "-n", "-c", "2", "-t", "50", "-M", "prepared", "-f", script, "-h", "127.0.0.1", "-p", port, "-U", "app", "postgres")
	})
	run("raw", func(port string) { raw(t, port) })
}

// raw speaks what the programs of PostgreSQL do not: several Syncs outstanding, portals by
// name, row limits, errors within a pipeline, FunctionCall, a commit that fails in Sync.
func raw(t *testing.T, port string) {
	t.Helper()
	c, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	ask := func(send string, syncs int) {
		if _, err := c.Write([]byte(send)); err != nil {
			t.Fatal(err)
		}
		b, got := make([]byte, 64<<10), []byte{}
		for bytes.Count(got, []byte("Z\x00\x00\x00\x05")) < syncs {
			n, err := c.Read(b)
			if err != nil {
				t.Fatalf("%v after %q", err, got)
			}
			got = append(got, b[:n]...)
		}
	}
	ask(startup("user", "app", "database", "postgres"), 1)
	ask(query("create table if not exists d(a int unique deferrable initially deferred)"), 1)
	ask(parse("s1", "select generate_series(1,$1::int)")+describe('S', "s1")+syncNow, 1)
	ask(bind("p1", "s1", "10")+execute("p1", 4)+execute("p1", 4)+execute("p1", 0)+syncNow, 1)
	var b strings.Builder
	for i := range 10 {
		b.WriteString(bind("", "s1", strconv.Itoa(i)) + describe('P', "") + execute("", 0) + syncNow)
	}
	ask(b.String(), 10)
	ask(parse("", "select 1")+bind("", "")+execute("", 0)+parse("", "select nope")+bind("", "")+execute("", 0)+
		parse("", "select 2")+bind("", "")+execute("", 0)+syncNow+parse("", "select 3")+bind("", "")+execute("", 0)+syncNow, 2)
	ask(parse("", "insert into d values (1),(1)")+bind("", "")+execute("", 0)+syncNow, 1)
	ask(closeName('S', "s1")+closeName('P', "none")+syncNow, 1)
	ask(function(1598, ""), 1) // random()
	ask(function(4000000, ""), 1)
	ask(query(""), 1)
	ask(bind("", "s1")+execute("", 0)+syncNow, 1)
	fmt.Fprint(c, "X\x00\x00\x00\x04")
}
