// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"bytes"

	"go.uber.org/zap"

	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
)

// Where OTLP has spans sent: the method of gRPC and the default path of HTTP ("OTLP
// Specification", OTLP/gRPC and OTLP/HTTP Request).
var (
	otlpGRPC = []byte("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
	otlpHTTP = []byte("/v1/traces")
	post     = []byte("POST")
)

// leaves tells that no span is made of an exchange, and counts it: its process exports spans
// by itself. It finds that out from the exchange, too. Where spans are exported no span tells of it:
// one that did would be exported as well, and so on without an end.
func (p *instrument) leaves(c *peer, method, path []byte) bool {
	exporters := &p.tracer.Correlator.Exporters
	if bytes.Equal(method, post) && (bytes.HasSuffix(path, otlpHTTP) || bytes.Equal(path, otlpGRPC)) {
		if c.Role == stream.Server {
			exporters.Received(c.Process)
		} else if exporters.Sent(c.Process) {
			p.log.Info("A process exports spans by itself, so no more are made of it, only metrics; existing_instrumentation: keep makes them",
				zap.Uint32("pid", c.Process.PID), zap.String("executable", c.Process.Executable))
		}
		if !exporters.Keep {
			p.counts.Filtered++
			return true
		}
	}
	if !exporters.Has(c.Process) {
		return false
	}
	p.counts.Filtered++
	return true
}
