// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment/segmenttest"
)

func freePort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

func startServer(t *testing.T) (port string) {
	segmenttest.Live(t, "redis-server", "redis-cli", "redis-benchmark")
	port = freePort(t)
	c := exec.Command("redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill(); c.Wait() })
	for range 200 {
		if n, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			n.Close()
			return port
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("the server does not listen")
	return ""
}

// commandStats reads the server's own count of executed and of refused commands, in our
// spelling.
func commandStats(t *testing.T, port string) map[string]uint64 {
	out, err := exec.Command("redis-cli", "-p", port, "INFO", "commandstats").Output()
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]uint64{}
	for l := range strings.Lines(string(out)) {
		name, rest, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(l), "cmdstat_"), ":calls=")
		if !ok {
			continue
		}
		calls, rest, _ := strings.Cut(rest, ",")
		_, rest, _ = strings.Cut(rest, "rejected_calls=")
		rejected, _, _ := strings.Cut(rest, ",")
		for _, n := range []string{calls, rejected} {
			v, err := strconv.ParseUint(n, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			if v > 0 {
				m[strings.ToUpper(strings.ReplaceAll(name, "|", " "))] += v
			}
		}
	}
	return m
}

// Commands of real clients through a relay: those counted are those that the server counts.
func TestLiveCommandStats(t *testing.T) {
	port := startServer(t)
	seen := map[string]uint64{}
	opts := Options{Keys: true, MaxPipeline: 1 << 16} // redis-cli --pipe does not wait
	r := segmenttest.NewRelay(t, "tcp", "127.0.0.1:"+port)
	cfg := NewConfig(opts)
	emit := func(e *Exchange) {
		// The server counts no commands that it does not know or never executed.
		if e.Known && e.Outcome != NotExecuted {
			seen[string(e.Operation)]++
		}
	}
	before := commandStats(t, port)
	cli := func(in string, args ...string) {
		c := exec.Command("redis-cli", append([]string{"-p", r.Port()}, args...)...)
		c.Stdin = strings.NewReader(in)
		out, err := c.CombinedOutput()
		if err != nil {
			t.Logf("redis-cli %v: %v %s", args, err, out)
		}
	}
	cli(mixed)
	cli(mixed, "-3")
	cli(strings.ReplaceAll(inlinePipe, "\n", "\r\n"), "--pipe")
	var mass bytes.Buffer
	for i := range 5000 {
		mass.WriteString(cmd("SET mass:" + strconv.Itoa(i) + " " + strings.Repeat("v", i%700)))
		mass.WriteString(cmd("LPUSH wrong x"))
	}
	cli(mass.String(), "--pipe")
	for _, args := range [][]string{
		{"-P", "16", "-n", "3000", "-c", "10", "-q"},
		{"-n", "500", "-c", "5", "-d", "20000", "-t", "set,get,mset", "-q"},
		{"-P", "50", "-n", "5000", "-c", "5", "-d", "300", "-r", "1000", "-q", "-t", "set,get,incr,lpush,hset,spop,zadd"},
	} {
		if out, err := exec.Command("redis-benchmark", append([]string{"-p", r.Port()}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	pubsub(t, r.Port(), port)
	raw(t, r.Port())
	for i, events := range r.Take() {
		if dir := os.Getenv("RECORD_CAPTURES"); dir != "" { // makes what becomes testdata/captures
			segmenttest.Write(t, filepath.Join(dir, strconv.Itoa(i)+".txt"), events)
		}
		p := segmenttest.Player{Parser: cfg.NewParser(emit)}
		p.Parser.Opened()
		p.Play(events, segmenttest.Cut{})
		p.Parser.Close(CloseNormal, p.Now)
	}
	after := commandStats(t, port)
	total := uint64(0)
	for name, n := range after {
		n -= before[name]
		if name == "INFO" { // the first reading counts itself only after it
			n--
		}
		if name == "PUBLISH" { // one was sent past the relay, see pubsub
			n -= directPublish
		}
		total += n
		if seen[name] != n {
			t.Errorf("%s: %d seen, the server counted %d", name, seen[name], n)
		}
	}
	for name, n := range seen {
		if after[name] == 0 {
			t.Errorf("%s: %d seen, none counted", name, n)
		}
	}
	s := cfg.Stats()
	if s.Requests != s.Exchanges+s.Drops() || s.Drops() != s.DropEnded || s.OrphanReplies+s.UndecodableReplies+s.UndecodableRequests+s.Mismatches > 0 {
		t.Errorf("%+v", *s)
	}
	t.Logf("%d commands of %d kinds; %+v", total, len(after), *s)
}

const directPublish = 3

// pubsub subscribes in RESP2 through the relay while messages come, with PING in between.
func pubsub(t *testing.T, relayPort, port string) {
	c, err := net.Dial("tcp", "127.0.0.1:"+relayPort)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	say := func(s string) { io.WriteString(c, s) }
	await := func(end string) {
		var got []byte
		b := make([]byte, 1)
		for !bytes.HasSuffix(got, []byte(end)) {
			if _, err := c.Read(b); err != nil {
				t.Fatalf("%v, waiting for %q after %q", err, end, got)
			}
			got = append(got, b[0])
		}
	}
	say(cmd("SUBSCRIBE a b") + cmd("PSUBSCRIBE p*"))
	await(":3\r\n")
	for range directPublish {
		if out, err := exec.Command("redis-cli", "-p", port, "PUBLISH", "a", "hello").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	say(cmd("PING") + cmd("UNSUBSCRIBE a") + cmd("GET x") + cmd("UNSUBSCRIBE") + cmd("PUNSUBSCRIBE") + cmd("SET after 1") + cmd("QUIT"))
	await("+OK\r\n+OK\r\n")
}

// raw sends what no client library would.
func raw(t *testing.T, relayPort string) {
	for _, s := range []string{
		"\r\nPING\r\nset  \"a b\" 'c \\' d'\nGET \"a b\"\r\n*0\r\n*-1\r\n" + cmd("CLIENT REPLY SKIP") + cmd("SET s 1") + cmd("GET s") +
			cmd("CLIENT REPLY OFF") + cmd("SET s 2") + cmd("SELECT 1") + cmd("CLIENT REPLY ON") + cmd("SELECT 3") + cmd("RESET") + "quit\r\n",
		cmd("MULTI") + cmd("SET s 1") + cmd("CLIENT REPLY") + cmd("INCR s") + cmd("EXEC") + cmd("GET s") + cmd("MULTI") + cmd("SUBSCRIBE x y") +
			cmd("SET q 1") + cmd("EXEC") + cmd("UNSUBSCRIBE") + "QUIT\r\n",
		cmd("HELLO 3") + cmd("CLIENT TRACKING ON") + cmd("GET tr") + cmd("SET tr 1") + cmd("SUBSCRIBE ch") + cmd("PUBLISH ch m") +
			cmd("HGETALL h") + cmd("DEBUG PROTOCOL attrib") + cmd("QUIT"),
		cmd("SET m 1") + cmd("MONITOR"),
	} {
		c, err := net.Dial("tcp", "127.0.0.1:"+relayPort)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, s)
		c.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
		io.Copy(io.Discard, c)
		c.Close()
	}
}

const mixed = `SELECT 2
SET k v
GET k
GET none
HSET h f v g w
HGETALL h
LPUSH k x
INCRBYFLOAT n 1.5
NOSUCH a b
CONFIG GET maxmemory
CONFIG NOSUCH
CLIENT SETNAME me
OBJECT ENCODING k
COMMAND COUNT
ZADD z 1 a 2 b
ZRANGE z 0 -1 WITHSCORES
ZRANGESTORE z2 z 0 -1
XADD st * f v
XREAD COUNT 1 STREAMS st 0
XINFO STREAM st
EVAL "return {KEYS[1],{1,2,{3}},redis.error_reply('MY err')}" 1 k
EVAL "return redis.error_reply('MY err')" 0
SCRIPT LOAD "return 1"
EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0
MULTI
SET a 1
INCR a
LPUSH a 1
HGETALL h
SELECT 4
GET a
EXEC
MULTI
NOSUCH
SET b 1
EXEC
MULTI
SET b 1
DISCARD
WATCH w
MULTI
EXEC
EXEC
AUTH nobody secret
LMPOP 2 l1 l2 LEFT
GEOADD g 13.36 38.11 p
GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km WITHCOORD
SETRANGE big 3000 x
GET big
SCAN 0 COUNT 1000
FUNCTION LIST
ACL WHOAMI
MEMORY USAGE k
LATENCY LATEST
TIME
RESET
DEBUG SLEEP 0
PING
`

const inlinePipe = `SET inline:1 a
SET inline:2 b
GET inline:1
LPUSH inline:1 x
`
