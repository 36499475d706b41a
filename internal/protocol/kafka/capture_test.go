// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment/segmenttest"
)

var update = flag.Bool("update", false, "write the golden files")

// sets gives the captures by what they belong to: the connections of one client and broker,
// which share the ids of topics. They were made by kgo 1.22 and kcat 1.7 (librdkafka 2.0) and
// kafkajs 2.2 with the broker kfake; "versions" by testdata/clients/kafka from the definitions of
// franz-go's kmsg 1.15.
func sets(t testing.TB) map[string][]string {
	t.Helper()
	m := map[string][]string{}
	for _, path := range segmenttest.Captures(t) {
		set, _, _ := strings.Cut(filepath.Base(path), "-")
		m[set] = append(m[set], path)
	}
	return m
}

// What real clients and brokers said to one another, wholly captured, is wholly understood.
func TestCaptures(t *testing.T) {
	for set, paths := range sets(t) {
		t.Run(set, func(t *testing.T) {
			cfg := NewConfig(Options{TraceContext: true})
			var got []string
			for _, path := range paths {
				c := newConnOf(t, cfg)
				c.Play(segmenttest.Read(t, path), segmenttest.Cut{})
				got = append(got, c.result(), "")
			}
			s := *cfg.Stats()
			if s.Requests == 0 || s.Requests != s.Exchanges {
				t.Errorf("%+v", s)
			}
			if s != (Stats{Requests: s.Requests, Exchanges: s.Exchanges, ContextsNotKept: s.ContextsNotKept}) {
				t.Errorf("not all was understood: %+v", s)
			}
			golden(t, set, strings.Join(got, "\n"))
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/golden/" + name + ".txt"
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
