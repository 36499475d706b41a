// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package dns

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	semconv "go.opentelemetry.io/otel/semconv/v1.40.0"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/tracing"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
)

// Keys of attributes, as plain strings. The conventions have no names for those that begin
// with "ebpf.".
const (
	keyName          = string(semconv.DNSQuestionNameKey)
	keyAnswers       = string(semconv.DNSAnswersKey)
	keyType          = "ebpf.dns.question.type"
	keyQuestions     = "ebpf.dns.questions"
	keyOpcode        = "ebpf.dns.opcode"
	keyCode          = "ebpf.dns.response.code"
	keyTruncated     = "ebpf.dns.response.truncated"
	keyRecords       = "ebpf.dns.response.records"
	keyAgain         = "ebpf.dns.retransmissions"
	keyErrorType     = string(semconv.ErrorTypeKey)
	keyServerAddress = string(semconv.ServerAddressKey)
	keyServerPort    = string(semconv.ServerPortKey)
	keyClientAddress = string(semconv.ClientAddressKey)
	keyPeerAddress   = string(semconv.NetworkPeerAddressKey)
	keyPeerPort      = string(semconv.NetworkPeerPortKey)
	keyTransport     = string(semconv.NetworkTransportKey)
	keyProtocol      = string(semconv.NetworkProtocolNameKey)
)

// fill writes the lookup to a span.
func (r *recorder) fill(span ptrace.Span, c *conn, l *lookup, id *tracing.Identity) {
	id.Write(span)
	span.SetName(r.spanName(l))
	span.SetStartTimestamp(r.set.Clock.Timestamp(l.start))
	span.SetEndTimestamp(r.set.Clock.Timestamp(l.end))
	m := span.Attributes()
	m.EnsureCapacity(14)
	put(m, keyName, l.name)
	put(m, keyType, l.kind)
	if l.questions != 1 {
		m.PutInt(keyQuestions, int64(l.questions))
	}
	if l.opcode != "QUERY" {
		m.PutStr(keyOpcode, l.opcode)
	}
	put(m, keyCode, l.rcode)
	if l.truncated {
		m.PutBool(keyTruncated, true)
	}
	if l.again > 0 {
		m.PutInt(keyAgain, int64(l.again))
	}
	list(m, keyAnswers, l.answers)
	list(m, keyRecords, l.records)
	if l.errorType != "" {
		m.PutStr(keyErrorType, l.errorType)
		span.Status().SetCode(ptrace.StatusCodeError)
	}
	if c.ServerAddress != "" {
		m.PutStr(keyServerAddress, c.ServerAddress)
	}
	if c.ServerPort != 0 {
		m.PutInt(keyServerPort, int64(c.ServerPort))
	}
	if c.RemoteAddress != "" {
		m.PutStr(keyPeerAddress, c.RemoteAddress)
		m.PutInt(keyPeerPort, int64(c.RemotePort))
	}
	m.PutStr(keyProtocol, "dns")
	m.PutStr(keyTransport, map[bool]string{true: "tcp", false: "udp"}[c.tcp])
	c.PutTLS(m)
	if c.Role == stream.Client {
		span.SetKind(ptrace.SpanKindClient)
		return
	}
	span.SetKind(ptrace.SpanKindServer)
	put(m, keyClientAddress, c.RemoteAddress)
}

func put(m pcommon.Map, key, value string) {
	if value != "" {
		m.PutStr(key, value)
	}
}

func list(m pcommon.Map, key string, values []string) {
	if len(values) == 0 {
		return
	}
	s := m.PutEmptySlice(key)
	s.EnsureCapacity(len(values))
	for _, v := range values {
		s.AppendEmpty().SetStr(v)
	}
}

// spanName is what is asked for, as "DNS AAAA": the names that are asked about are any.
func (r *recorder) spanName(l *lookup) string {
	of := l.kind
	if l.opcode != "QUERY" || of == "" {
		of = l.opcode
	}
	name, ok := r.names[of]
	if !ok {
		name = "DNS " + of
		if len(r.names) < 1024 {
			r.names[of] = name
		}
	}
	return name
}
