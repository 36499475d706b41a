// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package mongodb_test

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
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

// tap keeps all bytes of MongoDB's connections that leave the kernel.
type tap struct {
	mu   sync.Mutex
	seen []byte
}

func (*tap) Proto() stream.Proto                { return stream.ProtoMongoDB }
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

const password = "hunter2"

func le32(n int) string { return string(binary.LittleEndian.AppendUint32(nil, uint32(n))) }

// text and data are elements of BSON.
func text(name, v string) string { return "\x02" + name + "\x00" + le32(len(v)+1) + v + "\x00" }
func data(name, v string) string { return "\x05" + name + "\x00" + le32(len(v)) + "\x00" + v }
func number(name string) string  { return "\x10" + name + "\x00" + le32(1) }
func document(elements string) string {
	return le32(len(elements)+5) + elements + "\x00"
}

// message is an OP_MSG, legacy an OP_QUERY.
func message(elements string) string {
	d := document(elements)
	return le32(21+len(d)) + le32(7) + le32(0) + le32(2013) + le32(0) + "\x00" + d
}

func legacy(elements string) string {
	body := le32(4) + "admin.$cmd\x00" + le32(0) + le32(-1) + document(elements)
	return le32(16+len(body)) + le32(7) + le32(0) + le32(2004) + body
}

// answer reads requests and answers each, until the client ends.
func answer(t *testing.T, l net.Listener) {
	c, err := l.Accept()
	if err != nil {
		return
	}
	defer c.Close()
	ok := document("\x01ok\x00\x00\x00\x00\x00\x00\x00\xf0\x3f")
	reply := le32(21+len(ok)) + le32(8) + le32(7) + le32(2013) + le32(0) + "\x00" + ok
	head := make([]byte, 4)
	for {
		for n := 0; n < 4; {
			k, err := c.Read(head[n:])
			if err != nil {
				return
			}
			n += k
		}
		rest := make([]byte, binary.LittleEndian.Uint32(head)-4)
		for n := 0; n < len(rest); {
			k, err := c.Read(rest[n:])
			if err != nil {
				return
			}
			n += k
		}
		if _, err := c.Write([]byte(reply)); err != nil {
			t.Error(err)
			return
		}
	}
}

// What carries credentials does not leave the kernel, in any variant of the Daemon and in
// whatever pieces it is sent.
func TestLiveSecrets(t *testing.T) {
	livetest.RequireRoot(t)
	bash := dbtest.Program(t, "bash")
	requests := [][]string{
		{legacy(number("isMaster") + "\x03speculativeAuthenticate\x00" + document(number("saslStart")+data("payload", password)))},
		{message(number("hello") + "\x03speculativeAuthenticate\x00" + document(number("saslStart")+data("payload", password)) + text("$db", "admin"))},
		{message(number("saslStart") + text("mechanism", "PLAIN") + data("payload", "\x00user\x00"+password))},
		{message(text("createUser", "joe") + text("pwd", password) + text("$db", "admin"))},
		{message(text("$db", "admin") + text("insert", "known"))},
		{message(number("saslContinue") + data("payload", password)), ""}, // the header apart
		{message(text("updateUser", "joe") + text("customData", strings.Repeat("x", 5000)) + text("pwd", password)), ""},
		{message(text("insert", "things") + text("comment", "visible"))},
	}
	for i, r := range requests {
		if len(r) == 2 {
			requests[i] = []string{r[0][:16], r[0][16:]}
		}
	}
	for i, v := range socket.Factory().Manifest.Variants {
		if v.Name != "socket_tracepoints_files" && v.Name != "sys_exit" {
			continue // they share what is tested here, and cannot be had on all machines
		}
		t.Run(v.Name, func(t *testing.T) {
			livetest.CheckLeaks(t)
			content, err := os.ReadFile(bash)
			require.NoError(t, err)
			program := filepath.Join(t.TempDir(), "bash")
			require.NoError(t, os.WriteFile(program, content, 0o755))
			m, err := (&discovery.Selector{Exe: program}).Compile()
			require.NoError(t, err)
			set := probe.Settings{
				Logger: zaptest.NewLogger(t), Clock: livetest.Clock{},
				Selection: &discovery.Selection{Targets: []*discovery.Matcher{m}, Self: uint32(os.Getpid())},
			}
			df, sf := discoveryprobe.Factory(), socket.Factory()
			d := livetest.Load(t, df, set, df.DefaultConfig(), nil)
			set.Processes = d.(probe.Processes)
			s := livetest.LoadVariant(t, sf, i, set, sf.DefaultConfig(), map[string]probe.Probe{"discovery": d})
			seen := &tap{}
			require.NoError(t, s.(stream.Source).Register(seen))
			s.(probe.Ticker).Tick(livetest.Clock{}.Now()) // all is registered
			livetest.Attach(t, d)
			livetest.Attach(t, s)
			stopD, stopS := livetest.Pump(t, d, nil), livetest.Pump(t, s, nil)

			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			defer l.Close()
			go answer(t, l)
			var script strings.Builder
			fmt.Fprintf(&script, "exec 3<>/dev/tcp/127.0.0.1/%d\n", l.Addr().(*net.TCPAddr).Port)
			for _, r := range requests {
				for _, piece := range r {
					script.WriteString("printf '")
					for _, c := range []byte(piece) {
						fmt.Fprintf(&script, "\\x%02x", c)
					}
					script.WriteString("' >&3\nsleep 0.05\n")
				}
				script.WriteString("read -r -N 10 -t 1 <&3 || true\n")
			}
			cmd := exec.Command(program, "-c", script.String())
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", out)
			require.Eventually(t, func() bool { return strings.Contains(seen.bytes(), "visible") }, 20*time.Second, 50*time.Millisecond)
			stopS()
			stopD()
			got := seen.bytes()
			assert.NotContains(t, got, password)
			for _, name := range []string{"isMaster", "hello", "saslStart", "createUser", "known", "things"} {
				assert.Contains(t, got, name)
			}
			assert.Equal(t, 1, strings.Count(got, "visible"))
		})
	}
}
