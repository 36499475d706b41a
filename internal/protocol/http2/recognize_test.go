// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment/segmenttest"
)

func TestRecognize(t *testing.T) {
	cl, sv := newPeer(), newPeer()
	request := cl.headers(1, true, get("/x")...).take()
	repeated := cl.headers(3, true, get("/x")...).take()
	response := sv.headers(1, false, ":status=200", "server=s").data(1, true, 100).take()
	trailers := sv.headers(1, true, "grpc-status=0").take()
	sv.fr.WriteSettings()
	empty := sv.take()
	sv.fr.WriteSettingsAck()
	ack := sv.take()
	sv.fr.WriteWindowUpdate(0, 10)
	window := sv.take()
	for name, tt := range map[string]struct {
		in string
		d  Direction
		v  Verdict
	}{
		"nothing": {"", Request, NeedMore}, "P": {"P", Request, NeedMore}, "preface": {preface, Request, Yes},
		"PRI * HTTP/2.0": {"PRI * HTTP/2.0\r\n", Request, Yes}, "PRI * HTTP/1.1": {"PRI * HTTP/1.1\r\n", Request, No},
		"request": {request, Request, Yes}, "repeated request": {repeated, Request, Yes}, "response": {response, Response, Yes},
		"part of a response": {response[:11], Response, NeedMore}, "trailers": {trailers, Request, NeedMore},
		"settings":       {"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00d", Response, Yes},
		"bad settings":   {"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00d", Request, No},
		"empty settings": {empty, Request, NeedMore}, "empty settings and ack": {empty + ack, Response, Yes},
		"window and request": {window + request, Request, Yes}, "window": {window, Request, NeedMore}, "ack and response": {ack + response, Response, Yes},
		"HTTP/1.1": {"GET / HTTP/1.1\r\n\r\n", Request, No}, "HTTP/1.1 response": {"HTTP/1.1 200 OK\r\n", Request, No},
		"TLS": {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", Request, No}, "SSH": {"SSH-2.0-OpenSSH_9.2\r\n", Request, No},
		"PostgreSQL": {"\x00\x00\x00\x08\x04\xd2\x16\x2f", Request, No}, "PostgreSQL startup": {"\x00\x00\x00\x29\x00\x03\x00\x00user\x00", Request, No},
		"Kafka":                        {"\x00\x00\x00\x1c\x00\x12\x00\x03\x00\x00\x00\x01\x00\x07client1\x00", Request, No},
		"Kafka, a length of 1 mod 256": {"\x00\x00\x01\x01\x00\x01\x00\x0b\x00\x00\x00\x05\x00\x07client1\x00", Request, No},
		"DNS over TCP":                 {"\x00\x1c\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03com\x00\x00\x01\x00\x01", Request, No},
		"AMQP":                         {"AMQP\x00\x00\x09\x01", Request, No}, "MQTT": {"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00", Request, No},
		"zeros": {string(make([]byte, 100)), Request, No}, "Redis": {"*1\r\n$4\r\nPING\r\n", Request, No},
		"MySQL": {"\x4a\x00\x00\x00\x0a5.5.5-10.11", Request, No}, "MongoDB": {"\x3a\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\xd4\x07\x00\x00", Request, No},
	} {
		if d, v := Recognize([]byte(tt.in)); v != tt.v || v == Yes && d != tt.d {
			t.Errorf("%s: %d, %d; want %d, %d", name, d, v, tt.d, tt.v)
		}
	}
}

// Random bytes, also such that begin like a length, are not HTTP/2.
func TestRecognizeRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	yes, resync := 0, 0
	const n = 1_000_000
	for i := range n {
		b := make([]byte, 64)
		for j := range b {
			b[j] = byte(r.UintN(256))
		}
		switch i & 3 {
		case 1:
			b[0], b[1] = 0, 0
		case 2:
			b[0], b[1], b[4] = 0, 0, 0
		}
		if _, v := Recognize(b); v == Yes {
			yes++
		}
		if plausible(b, Request, defaultMaxFrame, 1000+resyncIDs) {
			resync++
		}
	}
	t.Logf("of %d: %d recognised, %d taken for the start of a frame", n, yes, resync)
	if yes != 0 || resync > 10 {
		t.Errorf("%d false positives, %d false starts", yes, resync)
	}
}

// Each first segment of either direction of the captures tells direction and protocol.
func TestRecognizeCaptures(t *testing.T) {
	for name := range captures {
		if strings.HasSuffix(name, "upgrade") {
			continue
		}
		var seen [2]bool
		for i, e := range segmenttest.Read(t, "testdata/captures/"+name+".txt") {
			d, v := Recognize([]byte(e.Bytes))
			if v == No || v == Yes && d != e.Dir || !seen[e.Dir] && v != Yes {
				t.Errorf("%s, read %d: %d, %d", name, i, d, v)
			}
			seen[e.Dir] = true
		}
	}
}
