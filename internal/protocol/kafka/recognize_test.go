// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"crypto/rand"
	"path/filepath"
	"testing"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment/segmenttest"
)

// Every request of every capture is recognized, and the answer to ApiVersions.
func TestRecognize(t *testing.T) {
	missed, requests, versions := 0, 0, 0
	for _, path := range segmenttest.Captures(t) {
		answered := false
		for _, e := range frames(segmenttest.Read(t, path)) {
			d, v := Recognize([]byte(e.Bytes))
			switch {
			case e.Dir == segment.Request:
				requests++
				if d != segment.Request || v != segment.Yes {
					missed++
				}
			case v == segment.Yes && d == segment.Request:
				t.Errorf("%s: a response is taken for a request: %q", path, e.Bytes)
			case v == segment.Yes:
				versions++
				if answered {
					t.Errorf("%s: taken for the answer to ApiVersions: %q", path, e.Bytes)
				}
				answered = true
			}
		}
	}
	t.Logf("%d of %d requests missed, %d answers to ApiVersions", missed, requests, versions)
	if missed > 0 || versions == 0 {
		t.Fail()
	}
}

// Nothing that another protocol says, and no noise, is taken for Kafka.
func TestRecognizeNothingElse(t *testing.T) {
	paths, err := filepath.Glob("../*/testdata/captures/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	check := func(name string, b []byte) {
		n++
		if _, v := Recognize(b); v == segment.Yes {
			t.Errorf("%s: %q is taken for Kafka", name, b[:min(len(b), 40)])
		}
	}
	for _, path := range paths {
		if filepath.Base(filepath.Dir(filepath.Dir(filepath.Dir(path)))) == "kafka" {
			continue
		}
		for _, e := range segmenttest.Read(t, path) {
			check(path, []byte(e.Bytes))
		}
	}
	for _, s := range []string{
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "\x17\x03\x03\x00\x20", "SSH-2.0-OpenSSH_9.2\r\n", "\x00\x00\x00\x0c\x0a\x15",
		"GET / HTTP/1.1\r\n\r\n", "\x00\x00\x04\x08\x00\x00\x00\x00\x00\x00\x0e\x00\x01", "AMQP\x00\x00\x09\x01", "\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00",
		"\x00\x00\x00\x08\x04\xd2\x16\x2f", "\x00\x00\x00\x21\x00\x03\x00\x00user\x00x\x00database\x00postgres\x00\x00",
	} {
		check("other", []byte(s+string(make([]byte, 64))))
		check("other", []byte(s))
	}
	for range 1 << 20 {
		var b [48]byte
		_, _ = rand.Read(b[:])
		if _, v := Recognize(b[:]); v == segment.Yes {
			t.Fatalf("noise is taken for Kafka: %x", b)
		}
	}
	t.Logf("%d beginnings of %d captures", n, len(paths))
}
