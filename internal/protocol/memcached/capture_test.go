// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package memcached

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"testing"
)

// event is a run of stream bytes before it is cut into segments.
type event struct {
	d Direction
	b string
}

// encodeCapture makes a line of a capture: the direction and the bytes of one read as a
// JSON string of Latin-1.
func encodeCapture(d Direction, b []byte) []byte {
	var buf bytes.Buffer
	buf.WriteByte("><"[d])
	buf.WriteByte(' ')
	r := make([]rune, len(b))
	for i, c := range b {
		r[i] = rune(c)
	}
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	if err := e.Encode(string(r)); err != nil {
		panic(err)
	}
	return buf.Bytes()
}

// readCapture reads a conversation as a relay saw it.
func readCapture(t *testing.T, name string) (ev []event) {
	t.Helper()
	f, err := os.Open("testdata/captures/" + name + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 4<<20)
	for sc.Scan() {
		var s string
		if err := json.Unmarshal(sc.Bytes()[2:], &s); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 0, len(s))
		for _, r := range s {
			b = append(b, byte(r))
		}
		d := Request
		if sc.Bytes()[0] == '<' {
			d = Response
		}
		ev = append(ev, event{d, string(b)})
	}
	return ev
}
