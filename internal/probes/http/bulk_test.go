// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// The requests of runBulkClient, each with frames that are just long enough to be passed over.
const (
	bulkRequests = 6
	bulkFrames   = 58
	bulkFrame    = 1040
)

// runBulkClient sends each request to the port that the first argument names with one call,
// as 64 KiB of many frames, behind which the next one's header begins. Its fields are those
// that the request before has put into HPACK's table.
func runBulkClient() {
	c, err := net.Dial("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		panic(err)
	}
	var out, block bytes.Buffer
	f, e := http2.NewFramer(&out, c), hpack.NewEncoder(&block)
	check := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	out.WriteString(http2.ClientPreface)
	check(f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 24}))
	check(f.WriteWindowUpdate(0, 1<<24))
	ended := 0
	for i := range bulkRequests {
		id := uint32(2*i + 1)
		for _, h := range [][2]string{{":method", "POST"}, {":scheme", "http"}, {":authority", "127.0.0.1:" + os.Args[1]}, {":path", "/bulk/of/frames"}, {"user-agent", "bulk/1"}} {
			check(e.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]}))
		}
		check(f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block.Bytes(), EndHeaders: true}))
		block.Reset()
		for range bulkFrames {
			check(f.WriteData(id, false, make([]byte, bulkFrame)))
		}
		check(f.WriteData(id, true, nil))
		_, err := c.Write(out.Bytes())
		check(err)
		out.Reset()
		for ended <= i { // until the response is there
			frame, err := f.ReadFrame()
			check(err)
			switch frame := frame.(type) {
			case *http2.SettingsFrame:
				if !frame.IsAck() {
					check(f.WriteSettingsAck())
				}
			case *http2.DataFrame:
				if frame.StreamEnded() {
					ended++
				}
			case *http2.HeadersFrame:
				if frame.StreamEnded() {
					ended++
				}
			}
		}
	}
	check(c.Close())
	fmt.Fprintf(os.Stdout, `{"POST /bulk/of/frames 2": %d}`, ended)
	_, _ = io.Copy(io.Discard, os.Stdin)
}
