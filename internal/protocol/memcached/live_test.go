// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package memcached

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
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
	segmenttest.Live(t, "memcached", "memcslap")
	port = freePort(t)
	c := exec.Command("memcached", "-p", port, "-l", "127.0.0.1", "-U", "0", "-u", "nobody", "-m", "64")
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

// serverStats reads the server's own counters.
func serverStats(t *testing.T, port string) map[string]int64 {
	c, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "stats\r\n")
	m, r := map[string]int64{}, bufio.NewScanner(c)
	for r.Scan() && r.Text() != "END" {
		if f := strings.Fields(r.Text()); len(f) == 3 {
			m[f[1]], _ = strconv.ParseInt(f[2], 10, 64)
		}
	}
	return m
}

// converse sends pieces of a conversation and reads what comes, until the end mark.
func converse(t *testing.T, port string, r *rand.Rand, send []byte, end string) {
	c, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	go func() {
		for len(send) > 0 {
			n := min(len(send), 1+r.IntN(3000))
			c.Write(send[:n])
			send = send[n:]
		}
	}()
	var got []byte
	b := make([]byte, 64<<10)
	for !bytes.HasSuffix(got, []byte(end)) {
		n, err := c.Read(b)
		if err != nil {
			t.Fatalf("%v after %q", err, got[max(0, len(got)-200):])
		}
		got = append(got[max(0, len(got)-100):], b[:n]...)
	}
}

// textMix makes commands of the text protocol, meta commands among them.
func textMix(r *rand.Rand, n int) []byte {
	var b bytes.Buffer
	key := func() string { return "k" + strconv.Itoa(r.IntN(40)) }
	for i := range n {
		noreply := []string{"", " noreply"}[r.IntN(2)]
		v := strings.Repeat("v", r.IntN(2000))
		switch r.IntN(16) {
		case 0, 1:
			fmt.Fprintf(&b, "%s %s 0 0 %d%s\r\n%s\r\n", []string{"set", "add", "replace", "append", "prepend"}[r.IntN(5)], key(), len(v), noreply, v)
		case 2:
			fmt.Fprintf(&b, "cas %s 0 0 %d %d%s\r\n%s\r\n", key(), len(v), r.IntN(100), noreply, v)
		case 3, 4:
			fmt.Fprintf(&b, "%s %s %s %s\r\n", []string{"get", "gets", "gat 100", "gats 100"}[r.IntN(4)], key(), key(), key())
		case 5:
			fmt.Fprintf(&b, "set n%s 0 0 2\r\n17\r\n%s n%s 3%s\r\n", key(), []string{"incr", "decr"}[r.IntN(2)], key(), noreply)
		case 6:
			fmt.Fprintf(&b, "delete %s%s\r\n", key(), noreply)
		case 7:
			fmt.Fprintf(&b, "touch %s 1000\r\n", key())
		case 8:
			b.WriteString([]string{"stats\r\n", "version\r\n", "verbosity 0\r\n", "stats items\r\n", "nosuch x\r\n", "flush_all 100000\r\n", "stats settings\r\n", "verbosity 0 noreply\r\n"}[r.IntN(8)])
		case 9:
			fmt.Fprintf(&b, "mg %s v t k\r\nmg %s s\r\nme %s\r\n", key(), key(), key())
		case 10:
			for j := range 5 {
				fmt.Fprintf(&b, "mg %s v q O%d\r\n", key(), j)
			}
			b.WriteString("mn\r\n")
		case 11:
			for j := range 3 { // the key tells
				fmt.Fprintf(&b, "mg k%d v q k\r\n", i%30+j)
			}
			fmt.Fprintf(&b, "ms %s %d q Oa%d\r\n%s\r\nmn\r\n", key(), len(v), i, v)
		case 12:
			fmt.Fprintf(&b, "ms %s %d T0\r\n%s\r\nmd %s\r\nma n%s v\r\n", key(), len(v), v, key(), key())
		case 13:
			fmt.Fprintf(&b, "md %s q\r\nma n%s q\r\nmn\r\n", key(), key())
		default:
			fmt.Fprintf(&b, "get %s\r\n", key())
		}
	}
	b.WriteString("version\r\nget last\r\nms end 1 Oend\r\nx\r\n")
	return b.Bytes()
}

// packet makes a binary command.
func packet(op byte, opaque uint32, extras, key, value string) []byte {
	b := make([]byte, headerLen)
	b[0], b[1], b[4] = magicRequest, op, byte(len(extras))
	binary.BigEndian.PutUint16(b[2:], uint16(len(key)))
	binary.BigEndian.PutUint32(b[8:], uint32(len(extras)+len(key)+len(value)))
	binary.BigEndian.PutUint32(b[12:], opaque)
	return append(b, extras+key+value...)
}

func binaryMix(r *rand.Rand, n int) []byte {
	var b bytes.Buffer
	key := func() string { return "k" + strconv.Itoa(r.IntN(40)) }
	store, count, exp := strings.Repeat("\x00", 8), "\x00\x00\x00\x00\x00\x00\x00\x01"+strings.Repeat("\x00", 8)+"\xff\xff\xff\xff", "\x00\x00\x01\x00"
	put := func(op byte, opaque int, extras, key, value string) {
		b.Write(packet(op, uint32(opaque), extras, key, value))
	}
	for i := range n {
		v := strings.Repeat("v", r.IntN(2000))
		switch r.IntN(10) {
		case 0, 1:
			put([]byte{1, 2, 3, 0x11, 0x12, 0x13}[r.IntN(6)], i, store, key(), v)
		case 2:
			put([]byte{0xe, 0xf, 0x19, 0x1a}[r.IntN(4)], i, "", key(), v)
		case 3:
			put([]byte{4, 0x14}[r.IntN(2)], i, "", key(), "")
		case 4:
			put([]byte{5, 6, 0x15, 0x16}[r.IntN(4)], i, count, "n"+key(), "")
		case 5:
			put([]byte{0x1c, 0x1d, 0x1e, 0x23, 0x24}[r.IntN(5)], i, exp, key(), "")
		case 6: // as libmemcached does: the key tells
			for j := range 5 {
				put(0xd, 0, "", fmt.Sprint("k", i%30+j), "")
			}
			put(0xa, 0, "", "", "")
		case 7:
			for j := range 5 {
				put(9, j, "", key(), "")
			}
			put(0xa, i, "", "", "")
		case 8:
			put([]byte{0x10, 0xb, 0x1b}[r.IntN(3)], i, "", "", "")
		default:
			put([]byte{0, 0xc}[r.IntN(2)], i, "", key(), "")
		}
	}
	put(0, 77, "", "last", "")
	put(0xa, 0xfeedbeef, "", "", "")
	return b.Bytes()
}

// Commands through a relay: those counted are those that the server counts.
func TestLiveStats(t *testing.T) {
	port := startServer(t)
	seen, ops := map[string]int64{}, map[string]int64{}
	r := segmenttest.NewRelay(t, "tcp", "127.0.0.1:"+port)
	cfg := NewConfig(Options{Keys: true, MaxPipeline: 1 << 16})
	emit := func(e *Exchange) {
		ops[e.Operation]++
		if e.Failed {
			ops["failed "+e.Operation+" "+string(e.Status)]++
		}
		if e.Failed || e.Outcome != Complete && e.Outcome != Quiet && e.Outcome != NoReply {
			return
		}
		get := func() { seen["cmd_get"] += e.KeyCount; seen["get_hits"] += e.Hits; seen["get_misses"] += e.Misses }
		switch op := strings.TrimSuffix(e.Operation, "q"); op {
		case "get", "gets", "getk":
			get()
		case "gat", "gats", "gatk":
			seen["cmd_touch"] += e.KeyCount
			seen["touch_hits"] += e.Hits
			seen["touch_misses"] += e.Misses
		case "mg":
			get()
		case "set", "add", "replace", "append", "prepend", "cas", "ms":
			seen["cmd_set"]++
		case "touch":
			seen["cmd_touch"]++
			seen["touch_hits"] += e.Hits
			seen["touch_misses"] += e.Misses
		case "flush_all":
			seen["cmd_flush"]++
		case "me":
			seen["cmd_meta"]++ // the server counts no other
		case "incr", "decr", "delete", "md", "ma", "increment", "decrement":
			seen["other"]++
		}
	}
	before := serverStats(t, port)
	for seed := range uint64(10) {
		rnd := rand.New(rand.NewPCG(seed, 5))
		n := 15
		if seed > 0 {
			n = 500
		}
		converse(t, r.Port(), rnd, textMix(rnd, n), "HD Oend\r\n")
		end := make([]byte, headerLen)
		end[0], end[1] = magicResponse, 0xa
		binary.BigEndian.PutUint32(end[12:], 0xfeedbeef)
		converse(t, r.Port(), rnd, binaryMix(rnd, n), string(end))
	}
	for _, args := range [][]string{
		{"memcslap", "--servers=127.0.0.1:" + r.Port(), "--concurrency=3", "--execute-number=300", "--test=get"},
		{"memcslap", "--servers=127.0.0.1:" + r.Port(), "--concurrency=3", "--execute-number=300", "--test=set", "--binary"},
		{"memcslap", "--servers=127.0.0.1:" + r.Port(), "--concurrency=2", "--execute-number=10", "--test=mget", "--binary"},
		{"memcslap", "--servers=127.0.0.1:" + r.Port(), "--concurrency=2", "--execute-number=10", "--test=mget"},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Errorf("%v: %v %s", args, err, out)
		}
	}
	for i, events := range r.Take() {
		if dir := os.Getenv("RECORD_CAPTURES"); dir != "" { // makes what becomes testdata/captures
			segmenttest.Write(t, filepath.Join(dir, strconv.Itoa(i)+".txt"), events)
		}
		p := segmenttest.Player{Parser: cfg.NewParser(emit)}
		p.Parser.Opened()
		p.Play(events, segmenttest.Cut{})
		p.Parser.Close(CloseNormal, p.Now)
	}
	after := serverStats(t, port)
	for _, name := range []string{"cmd_get", "get_hits", "get_misses", "cmd_set", "cmd_touch", "touch_hits", "touch_misses", "cmd_meta", "cmd_flush"} {
		if want := after[name] - before[name]; seen[name] != want || want == 0 {
			t.Errorf("%s: %d seen, the server counted %d", name, seen[name], want)
		}
	}
	other := int64(0)
	for _, name := range []string{"incr_misses", "incr_hits", "decr_misses", "decr_hits", "delete_misses", "delete_hits"} {
		other += after[name] - before[name]
	}
	if seen["other"] != other {
		t.Errorf("incr, decr, delete: %d seen, the server counted %d", seen["other"], other)
	}
	s := cfg.Stats()
	if s.Requests != s.Exchanges+s.Drops() || s.Drops()+s.OrphanResponses+s.UndecodableResponses+s.UndecodableRequests+s.Mismatches > 0 {
		t.Errorf("%+v", *s)
	}
	t.Logf("%v %v; %+v", ops, seen, *s)
}
