// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package segmenttest helps to test dissectors: conversations of real programs are recorded
// by a relay, stored, and played to a parser in every way in which a capture may cut them.
package segmenttest

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"
)

// Event is a run of stream bytes before it is cut into segments; without bytes it is the end
// of its direction.
type Event struct {
	Dir   segment.Direction
	Bytes string
}

// Split cuts an event at a byte, when there are bytes on both sides of it.
func Split(e Event, at int) []Event {
	if at <= 0 || at >= len(e.Bytes) {
		return []Event{e}
	}
	return []Event{{e.Dir, e.Bytes[:at]}, {e.Dir, e.Bytes[at:]}}
}

// Captures gives the paths of the stored conversations of a package.
func Captures(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob("testdata/captures/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatal("there are no captures: ", err)
	}
	return paths
}

// Read reads a stored conversation: one read of a relay per line, its direction (">" is
// towards the server) and its bytes as a JSON string of Latin-1; an empty string is the FIN.
func Read(t testing.TB, path string) (events []Event) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		line := lines.Bytes()
		var s string
		if len(line) < 2 || line[0] != '>' && line[0] != '<' {
			t.Fatalf("%s: %q is no line of a capture", path, line)
		}
		if err := json.Unmarshal(line[2:], &s); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		b := make([]byte, 0, len(s))
		for _, r := range s {
			b = append(b, byte(r))
		}
		d := segment.Request
		if line[0] == '<' {
			d = segment.Response
		}
		events = append(events, Event{d, string(b)})
	}
	if err := lines.Err(); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return events
}

// Write stores a conversation for Read.
func Write(t testing.TB, path string, events []Event) {
	t.Helper()
	var b strings.Builder
	for _, e := range events {
		r := make([]rune, len(e.Bytes))
		for i := range len(e.Bytes) {
			r[i] = rune(e.Bytes[i])
		}
		line, err := json.Marshal(string(r))
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString(string("><"[e.Dir]) + " " + string(line) + "\n")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
