// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package http_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/dbtest"
)

const busyRequests = 20

// runBusyClient makes a request to the port that the first argument names, and after a line of
// input more, each with what grpc-go sends ahead of one under load: the acknowledgement of a
// PING, a WINDOW_UPDATE and a PING.
func runBusyClient() {
	check := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	c, err := net.Dial("tcp", "127.0.0.1:"+os.Args[1])
	check(err)
	var out, block bytes.Buffer
	f, e := http2.NewFramer(&out, c), hpack.NewEncoder(&block)
	e.SetMaxDynamicTableSize(0) // what is known late must not depend on what was before
	id, pings := uint32(1), 0
	request := func(path string) {
		for _, h := range [][2]string{{":method", "POST"}, {":scheme", "http"}, {":authority", "127.0.0.1:" + os.Args[1]}, {":path", path}} {
			check(e.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]}))
		}
		check(f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block.Bytes(), EndHeaders: true}))
		check(f.WriteData(id, true, []byte("hello")))
		block.Reset()
		_, err := c.Write(out.Bytes())
		check(err)
		out.Reset()
		for ended := false; !ended || pings > 0; {
			frame, err := f.ReadFrame()
			check(err)
			switch frame := frame.(type) {
			case *http2.PingFrame:
				pings--
			case *http2.DataFrame:
				ended = ended || frame.StreamEnded()
			case *http2.HeadersFrame:
				ended = ended || frame.StreamEnded()
			}
		}
		id += 2
	}
	out.WriteString(http2.ClientPreface)
	check(f.WriteSettings(http2.Setting{ID: http2.SettingHeaderTableSize}))
	check(f.WriteSettingsAck())
	request("/before")
	fmt.Fprintln(os.Stdout, "ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		panic(err)
	}
	for range busyRequests {
		check(f.WritePing(true, [8]byte{1}))
		check(f.WriteWindowUpdate(0, 5))
		check(f.WritePing(false, [8]byte{2}))
		pings++
		request("/late")
	}
	check(c.Close())
}

// A connection of HTTP/2 that was open before is known by its next request, whatever frames
// come ahead of that.
func TestLiveJoinedUnderLoad(t *testing.T) {
	livetest.RequireRoot(t)
	livetest.CheckLeaks(t)
	self, err := os.Executable()
	require.NoError(t, err)
	port := dbtest.FreePort(t)
	stop := server(t, "web", port)
	client := child(t, "busy", strconv.Itoa(port))
	in, err := client.StdinPipe()
	require.NoError(t, err)
	out, err := client.StdoutPipe()
	require.NoError(t, err)
	client.Stderr = os.Stderr
	require.NoError(t, client.Start())
	kill := time.AfterFunc(time.Minute, func() { _ = client.Process.Kill() })
	defer kill.Stop()
	_, err = bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	r := observe(t, self)
	require.Eventually(t, func() bool { return r.Selected() >= 2 }, 10*time.Second, 20*time.Millisecond)
	_, err = in.Write([]byte("\n"))
	require.NoError(t, err)
	require.NoError(t, client.Wait())
	require.Equal(t, busyRequests, stop()["POST /late 2"])
	r.Shutdown()
	const late = "POST /late 200 2"
	assert.Equal(t, map[string]int{late: busyRequests}, requests(r.Spans(port), ptrace.SpanKindClient))
	// This server reads the header of each frame by itself: it is known by its first answer.
	served := requests(r.Spans(port), ptrace.SpanKindServer)
	assert.GreaterOrEqual(t, served[late], busyRequests-1)
	assert.Len(t, served, 1)
}
