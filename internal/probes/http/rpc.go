// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"strconv"

	"go.opentelemetry.io/collector/pdata/ptrace"
	semconv "go.opentelemetry.io/otel/semconv/v1.40.0"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/tracing"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/http1"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
)

// Keys of attributes, as plain strings.
const (
	keySystem         = string(semconv.RPCSystemNameKey)
	keyRPC            = string(semconv.RPCMethodKey)
	keyRPCOriginal    = string(semconv.RPCMethodOriginalKey)
	keyRPCStatus      = string(semconv.RPCResponseStatusCodeKey)
	keyRequestMeta    = "rpc.request.metadata."
	keyResponseMeta   = "rpc.response.metadata."
	systemGRPC        = "grpc"
	otherMethod       = "_OTHER"
	unimplemented     = 12
	statusNotReceived = uint8(0xff)
)

// callStatuses are the names of gRPC's status codes ("Status codes and their use in gRPC").
var callStatuses = [...]string{
	"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
	"RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
	"UNAUTHENTICATED",
}

// serverFaults are the codes that are errors of a server; to a client all but OK are
// ("Semantic conventions for gRPC": UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL,
// UNAVAILABLE, DATA_LOSS).
const serverFaults = 1<<2 | 1<<4 | 1<<12 | 1<<13 | 1<<14 | 1<<15

// call is what spans and metrics both need of a call. Its strings are interned or constant.
type call struct {
	method string // "package.Service/Method"; "_OTHER" when the server has none such, "" when not known
	status uint8  // index in callStatuses; statusNotReceived when not known or none of them
	// errorType is "" for a call that did not fail.
	errorType string
}

// callOf describes a call. The wire has the method as a path.
func (p *instrument) callOf(c *peer, ex *http1.Exchange, m *more, f *facts) call {
	k := call{status: statusNotReceived}
	if len(ex.Target) > 1 && ex.Target[0] == '/' {
		k.method = p.strings.Str(ex.Target[1:])
	}
	if m.statusKnown && m.status < uint32(len(callStatuses)) {
		k.status = uint8(m.status)
		if k.status != 0 && (c.Role == stream.Client || serverFaults>>k.status&1 != 0) {
			k.errorType = callStatuses[k.status]
		}
		if k.status == unimplemented && k.method != "" {
			k.method = otherMethod // anyone can ask for anything
		}
		return k
	}
	switch {
	case m.statusKnown:
		k.errorType = otherMethod
	case f.failure != success:
		k.errorType = f.failure.errorType(ex.Status)
	case ex.StatusKnown && ex.Status != 200: // of a proxy: a server of gRPC says 200
		k.errorType = strconv.Itoa(int(ex.Status))
	}
	return k
}

// fillCall writes a call to a span, by the semantic conventions of RPC and of gRPC.
func (p *instrument) fillCall(span ptrace.Span, c *peer, ex *http1.Exchange, f *facts, k *call, id *tracing.Identity) {
	id.Write(span)
	span.SetStartTimestamp(p.clock.Timestamp(f.start))
	span.SetEndTimestamp(p.clock.Timestamp(f.end))
	m := span.Attributes()
	m.EnsureCapacity(10 + len(ex.RequestHeaders) + len(ex.ResponseHeaders))
	m.PutStr(keySystem, systemGRPC)
	span.SetName(systemGRPC)
	if k.method != "" {
		m.PutStr(keyRPC, k.method)
		if k.method != otherMethod {
			span.SetName(k.method)
		} else {
			m.PutStr(keyRPCOriginal, p.strings.Str(ex.Target[1:]))
		}
	}
	if k.status != statusNotReceived {
		m.PutStr(keyRPCStatus, callStatuses[k.status])
	}
	if k.errorType != "" {
		m.PutStr(keyErrorType, k.errorType)
		span.Status().SetCode(ptrace.StatusCodeError)
	}
	if f.host != "" {
		m.PutStr(keyServerAddress, f.host)
		if f.port != 0 {
			m.PutInt(keyServerPort, int64(f.port))
		}
	}
	if c.RemoteAddress != "" {
		m.PutStr(keyPeerAddress, c.RemoteAddress)
		m.PutInt(keyPeerPort, int64(c.RemotePort))
	}
	if c.Unix {
		m.PutStr(keyTransport, "unix")
	}
	c.PutTLS(m)
	if c.Role == stream.Client {
		span.SetKind(ptrace.SpanKindClient)
	} else {
		span.SetKind(ptrace.SpanKindServer)
		if c.RemoteAddress != "" {
			m.PutStr(keyClientAddress, c.RemoteAddress)
		}
	}
	if p.shortens(len(ex.RequestHeaders) + len(ex.ResponseHeaders)) {
		return
	}
	if len(ex.RequestHeaders) > 0 {
		p.headers(m, p.requestMeta, ex.RequestHeaders)
	}
	if len(ex.ResponseHeaders) > 0 {
		p.headers(m, p.responseMeta, ex.ResponseHeaders)
	}
}
