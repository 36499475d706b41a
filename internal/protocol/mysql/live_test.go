// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package mysql

import (
	"encoding/binary"
	"fmt"
	"io"
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

type server struct {
	t      *testing.T
	dir    string
	socket string
}

// startServer runs a MariaDB of this machine in a temporary directory, with a Unix socket only.
func startServer(t *testing.T) *server {
	t.Helper()
	segmenttest.Live(t, "mariadbd")
	dir, err := os.MkdirTemp("/tmp", "my")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &server{t, dir, dir + "/s"}
	var cred *syscall.Credential
	if os.Getuid() == 0 {
		u, err := user.Lookup("mysql")
		if err != nil {
			t.Fatal(err)
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		cred = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		os.Chown(dir, uid, gid)
	}
	start := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: cred, Pdeathsig: syscall.SIGKILL}
		return cmd
	}
	if out, err := start("mariadb-install-db", "--no-defaults", "--datadir="+dir+"/data", "--auth-root-authentication-method=normal", "--skip-test-db").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	d := start("mariadbd", "--no-defaults", "--datadir="+dir+"/data", "--socket="+s.socket, "--skip-networking", "--local-infile=1", "--pid-file="+dir+"/pid",
		"--innodb-flush-log-at-trx-commit=0", "--log-error="+dir+"/log")
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Process.Kill(); d.Wait() })
	for range 100 {
		if c, err := net.Dial("unix", s.socket); err == nil {
			c.Close()
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	s.local("create database shop; create table shop.t(a int primary key, b text); create user app identified by 'hunter2hunter2';" +
		"grant all on *.* to app; create user free; grant all on *.* to free")
	return s
}

func (s *server) local(q string) string {
	s.t.Helper()
	out, err := exec.Command("mariadb", "--no-defaults", "-uroot", "-S", s.socket, "-BN", "-e", q).CombinedOutput()
	if err != nil {
		s.t.Fatalf("%v\n%s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// status are the server's counters of commands.
func (s *server) status() map[string]int {
	m := map[string]int{}
	for l := range strings.SplitSeq(s.local("show global status where variable_name like 'Com\\_%' or variable_name='Questions'"), "\n") {
		if f := strings.Fields(l); len(f) == 2 {
			m[f[0]], _ = strconv.Atoi(f[1])
		}
	}
	return m
}

// Commands seen equal the server's own counters.
func TestLive(t *testing.T) {
	s := startServer(t)
	a, b := s.status(), s.status()
	own := b["Questions"] - a["Questions"] // of status itself
	run := func(name string, act func(t *testing.T, port string)) {
		t.Run(name, func(t *testing.T) {
			r := segmenttest.NewRelay(t, "unix", s.socket)
			before := s.status()
			act(t, r.Port())
			conns := r.Take()
			after := s.status()
			diff := func(k string) int { return after[k] - before[k] }
			for _, limit := range []int{1 << 30, 8 << 10, 2 << 10, 256} {
				cfg := NewConfig(Options{})
				got, kinds := 0, map[string]int{}
				coms := map[Command]int{}
				for _, ev := range conns {
					c := &conn{t: t, cfg: cfg}
					c.p = cfg.NewParser(c.emit)
					c.play(ev, whole, func(n int) int { return min(n, limit) }, true)
					c.close()
					for i, e := range c.all {
						if strings.HasPrefix(c.got[i], `query "call p()`) {
							e.Results = 1 // whatever it returned
						}
						if strings.HasPrefix(c.got[i], `query "use `) {
							coms[ComInitDB]++
						}
						kinds[e.Command.String()+" "+e.Outcome.String()]++
						coms[e.Command]++
						switch e.Command {
						case ComQuery, ComStmtExecute, ComStmtBulkExecute:
							got += e.Results
							if e.ErrorCode != 0 || e.Results == 0 && e.Outcome == Complete && e.Command == ComStmtExecute {
								got++
							}
						case ComInitDB, ComFieldList, ComProcessInfo, ComSetOption, ComChangeUser, ComStmtFetch, ComQuit, ComResetConnection, ComStmtLongData:
							got++
						default:
						}
					}
				}
				st := cfg.Stats()
				want := diff("Questions") - own
				t.Logf("prefix %d: %d connections, %d questions, server %d; %v; %+v", limit, len(conns), got, want, kinds, *st)
				if limit < 1<<30 {
					continue
				}
				for c, k := range map[Command]string{ComStmtPrepare: "Com_stmt_prepare", ComStmtExecute: "Com_stmt_execute", ComStmtClose: "Com_stmt_close", ComStmtReset: "Com_stmt_reset",
					ComStmtFetch: "Com_stmt_fetch", ComStmtLongData: "Com_stmt_send_long_data", ComInitDB: "Com_change_db"} {
					if coms[c] != diff(k) && !strings.HasPrefix(name, "client") {
						t.Errorf("%s: %d, server %d", k, coms[c], diff(k))
					}
				}
				if got != want || st.Drops()+st.Gaps+st.UnexpectedResponses+st.UndecodableRequests+st.UndecodableResponses+st.SkippedBytes+st.OrphanResponses > 0 {
					t.Errorf("%d questions, server %d: %+v", got, want, *st)
				}
			}
			if dir := os.Getenv("DISSECTOR_SAVE"); dir != "" {
				sort.Slice(conns, func(i, j int) bool { return len(conns[i]) > len(conns[j]) })
				segmenttest.Write(t, filepath.Join(dir, strings.ReplaceAll(name, " ", "_")+".txt"), conns[0])
			}
		})
	}
	tool := func(t *testing.T, port, input, name string, args ...string) {
		cmd := exec.Command(name, append([]string{"--no-defaults", "-uapp", "-phunter2hunter2", "-h127.0.0.1", "-P" + port}, args...)...)
		cmd.Stdin = strings.NewReader(input)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Logf("%s: %v %s", name, err, out)
		}
	}
	run("client", func(t *testing.T, port string) {
		tool(t, port, "select 1; select 2,3;\nuse shop\ninsert into t values(1,'x'),(2,'y');\nupdate t set b='z';\nselect nope;\n"+
			"insert into t select seq, repeat('r',200) from seq_10_to_90;\nselect * from t;\ndelete from t where a=1;\n", "mariadb", "-f")
	})
	run("client multi", func(t *testing.T, port string) {
		tool(t, port, "delimiter ~\nselect 1; select a from t where a<12; update t set b='q' where a=2; select nope; select 5~\n"+
			"create procedure p() begin select 1; select 2; end~\ncall p()~\n", "mariadb", "-f", "shop")
	})
	run("client infile", func(t *testing.T, port string) {
		f := s.dir + "/in.txt"
		os.WriteFile(f, []byte(strings.Repeat("1000\tone\n1001\ttwo\n", 200)), 0o644)
		tool(t, port, "load data local infile '"+f+"' ignore into table t;\nselect count(*) from t;\n", "mariadb", "--local-infile=1", "shop")
	})
	run("client slap", func(t *testing.T, port string) {
		tool(t, port, "", "mariadb-slap", "--auto-generate-sql", "--concurrency=3", "--number-of-queries=60", "--auto-generate-sql-load-type=mixed")
	})
	run("raw", func(t *testing.T, port string) { raw(t, port) })
}

func pkt(seq byte, body string) string {
	return string([]byte{byte(len(body)), byte(len(body) >> 8), byte(len(body) >> 16), seq}) + body
}

func u32(n uint32) string { return string(binary.LittleEndian.AppendUint32(nil, n)) }

func com(c Command, body string) string { return pkt(0, string([]byte{byte(c)})+body) }

func loginPacket(caps uint32, user, db string) string {
	return pkt(1, u32(caps)+u32(1<<24)+"\x21"+strings.Repeat("\x00", 23)+user+"\x00\x00"+db+"\x00")
}

const rawCaps = capProtocol41 | capSecure | capWithDB | 1<<16 | 1<<17 | 1<<13

// raw speaks what the client programs do not: the prepared statement commands and cursors.
func raw(t *testing.T, port string) {
	t.Helper()
	c, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	b := make([]byte, 1<<20)
	ask := func(s string) string {
		io.WriteString(c, s)
		if s != "" && (Command(s[4]) == ComStmtClose || Command(s[4]) == ComStmtLongData || Command(s[4]) == ComQuit) {
			return ""
		}
		time.Sleep(30 * time.Millisecond) // responses of this test are short
		n, err := c.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
	ask("")
	ask(loginPacket(rawCaps, "free", "shop"))
	id := func(r string) string {
		if len(r) < 9 || r[4] != 0 {
			t.Fatalf("no statement: %q", r)
		}
		return r[5:9]
	}
	execute := func(id, flags, params string) string { return com(ComStmtExecute, id+flags+u32(1)+params) }
	s1 := id(ask(com(ComStmtPrepare, "select a, b from t where a < ?")))
	for _, n := range []uint32{10, 12, 50} {
		ask(execute(s1, "\x00", "\x00\x01\x03\x00"+u32(n)))
	}
	ask(execute(s1, "\x01", "\x00\x01\x03\x00"+u32(60)))
	ask(com(ComStmtFetch, s1+u32(5)))
	ask(com(ComStmtFetch, s1+u32(500)))
	ask(com(ComStmtReset, s1))
	s2 := id(ask(com(ComStmtPrepare, "insert into t values (?, ?)")))
	ask(com(ComStmtLongData, s2+"\x01\x00"+strings.Repeat("l", 3000)))
	ask(execute(s2, "\x00", "\x00\x01\x03\x00\xfc\x00"+u32(5000)))
	ask(execute(s2, "\x00", "\x00\x01\x03\x00\xfc\x00"+u32(5000)+"\x01x")) // duplicate
	ask(com(ComStmtClose, s1))
	s3 := id(ask(com(ComStmtPrepare, "delete from t where a = 5000")))
	ask(execute(s3, "\x00", ""))
	ask(com(ComStmtPrepare, "selec"))
	ask(com(ComPing, ""))
	ask(com(ComInitDB, "mysql"))
	ask(com(ComQuery, "select 1"))
	ask(com(ComQuery, "use shop"))
	ask(com(ComFieldList, "t\x00"))
	ask(com(ComStatistics, ""))
	ask(com(ComProcessInfo, ""))
	ask(com(ComResetConnection, ""))
	ask(com(ComQuery, "select 1 where 1=0"))
	ask(com(ComQuit, ""))
	fmt.Fprint(io.Discard, s2)
}
