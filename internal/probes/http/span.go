// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"strconv"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	semconv "go.opentelemetry.io/otel/semconv/v1.40.0"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/endpoint"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/tracing"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/http1"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
)

// Keys of attributes, as plain strings.
const (
	keyMethod         = string(semconv.HTTPRequestMethodKey)
	keyMethodOriginal = string(semconv.HTTPRequestMethodOriginalKey)
	keyStatus         = string(semconv.HTTPResponseStatusCodeKey)
	keyRequestSize    = string(semconv.HTTPRequestBodySizeKey)
	keyResponseSize   = string(semconv.HTTPResponseBodySizeKey)
	keyRoute          = string(semconv.HTTPRouteKey)
	keyScheme         = string(semconv.URLSchemeKey)
	keyPath           = string(semconv.URLPathKey)
	keyQuery          = string(semconv.URLQueryKey)
	keyFull           = string(semconv.URLFullKey)
	keyServerAddress  = string(semconv.ServerAddressKey)
	keyServerPort     = string(semconv.ServerPortKey)
	keyClientAddress  = string(semconv.ClientAddressKey)
	keyPeerAddress    = string(semconv.NetworkPeerAddressKey)
	keyPeerPort       = string(semconv.NetworkPeerPortKey)
	keyTransport      = string(semconv.NetworkTransportKey)
	keyVersion        = string(semconv.NetworkProtocolVersionKey)
	keyUserAgent      = string(semconv.UserAgentOriginalKey)
	keyErrorType      = string(semconv.ErrorTypeKey)
)

// fill writes the exchange to a span, by the HTTP semantic conventions.
func (p *instrument) fill(span ptrace.Span, c *peer, ex *http1.Exchange, f *facts, id *tracing.Identity) {
	id.Write(span)
	span.SetName(p.spanName(f.method, f.route))
	span.SetStartTimestamp(p.clock.Timestamp(f.start))
	span.SetEndTimestamp(p.clock.Timestamp(f.end))
	if f.failure != success {
		span.Status().SetCode(ptrace.StatusCodeError)
	}
	m := span.Attributes()
	m.EnsureCapacity(p.attributeCount(c, ex, f))
	if f.method != unknownMethod {
		m.PutStr(keyMethod, methods[f.method])
	}
	if f.method == 0 {
		m.PutStr(keyMethodOriginal, p.strings.Str(ex.Method))
	}
	if ex.StatusKnown {
		m.PutInt(keyStatus, int64(ex.Status))
	}
	if f.failure != success {
		m.PutStr(keyErrorType, f.failure.errorType(ex.Status))
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
	if int(ex.RequestMinor) < len(versions) {
		m.PutStr(keyVersion, versions[ex.RequestMinor])
	}
	if c.Role == stream.Client {
		span.SetKind(ptrace.SpanKindClient)
		p.client(m, f)
	} else {
		span.SetKind(ptrace.SpanKindServer)
		p.server(m, c, ex, f)
	}
	long := len(ex.RequestHeaders) + len(ex.ResponseHeaders)
	if p.cfg.BodySizes {
		long++
	}
	if p.shortens(long) {
		return
	}
	if p.cfg.BodySizes {
		if ex.RequestBodySize >= 0 {
			m.PutInt(keyRequestSize, ex.RequestBodySize)
		}
		if ex.ResponseBodySize >= 0 {
			m.PutInt(keyResponseSize, ex.ResponseBodySize)
		}
	}
	if len(ex.RequestHeaders) > 0 {
		p.headers(m, p.requestKeys, ex.RequestHeaders)
	}
	if len(ex.ResponseHeaders) > 0 {
		p.headers(m, p.responseKeys, ex.ResponseHeaders)
	}
}

// attributeCount is about the number of attributes that fill writes: 11 of a
// server, 8 of a client, and those that not every span has.
func (p *instrument) attributeCount(c *peer, ex *http1.Exchange, f *facts) int {
	n := 11
	if c.Role == stream.Client {
		n = 8
	} else if f.target.query != nil {
		n++
	}
	if f.route != noRoute {
		n++
	}
	if c.TLS {
		n += endpoint.TLSAttributes
	}
	if f.failure != success {
		n++
	}
	if p.cfg.BodySizes {
		n += 2
	}
	return n + len(ex.RequestHeaders) + len(ex.ResponseHeaders)
}

func (p *instrument) server(m pcommon.Map, c *peer, ex *http1.Exchange, f *facts) {
	m.PutStr(keyScheme, scheme(string(f.target.scheme) == "https"))
	if f.target.path != nil {
		m.PutStr(keyPath, p.strings.Again(&c.path, f.target.path))
	}
	if f.target.query != nil {
		p.scratch = p.redactor.appendQuery(p.scratch[:0], f.target.query)
		m.PutStr(keyQuery, p.strings.Again(&c.query, p.scratch))
	}
	if f.route != noRoute {
		m.PutStr(keyRoute, p.router.patterns[f.route])
	}
	if c.RemoteAddress != "" {
		m.PutStr(keyClientAddress, c.RemoteAddress)
	}
	if len(ex.UserAgent) > 0 {
		m.PutStr(keyUserAgent, p.strings.Again(&c.userAgent, ex.UserAgent))
	}
}

func (p *instrument) client(m pcommon.Map, f *facts) {
	t := &f.target
	if f.host == "" || t.path == nil || t.path[0] == '*' {
		return
	}
	b := p.scratch[:0]
	b = append(b, scheme(string(t.scheme) == "https")...)
	b = append(b, "://"...)
	if t.userinfo {
		b = append(b, redacted+":"+redacted+"@"...)
	}
	if isIPv6(f.host) {
		b = append(append(append(b, '['), f.host...), ']')
	} else {
		b = append(b, f.host...)
	}
	if f.port != 0 && f.port != defaultPort(t.scheme) {
		b = strconv.AppendUint(append(b, ':'), uint64(f.port), 10)
	}
	b = append(b, t.path...)
	if t.query != nil {
		b = p.redactor.appendQuery(append(b, '?'), t.query)
	}
	p.scratch = b
	m.PutStr(keyFull, p.strings.Str(b))
}

func isIPv6(host string) bool {
	for i := range len(host) {
		if host[i] == ':' {
			return true
		}
	}
	return false
}

// headers writes captured fields; one that comes several times has several values.
func (p *instrument) headers(m pcommon.Map, keys []string, values []http1.HeaderValue) {
	for i := range values {
		if values[i].Index >= len(keys) {
			continue
		}
		v, _ := m.GetOrPutEmpty(keys[values[i].Index])
		list := v.Slice()
		if v.Type() != pcommon.ValueTypeSlice {
			list = v.SetEmptySlice()
		}
		list.AppendEmpty().SetStr(p.strings.Str(values[i].Value))
	}
}

// spanName is "{method}" or "{method} {route}", with "HTTP" for unknown methods.
func (p *instrument) spanName(method uint8, route int32) string {
	if method == unknownMethod {
		method = 0
	}
	if route == noRoute {
		if method == 0 {
			return "HTTP"
		}
		return methods[method]
	}
	i := int(route)*len(methods) + int(method)
	if i >= len(p.names) {
		p.names = append(p.names, make([]string, i+1-len(p.names))...)
	}
	if p.names[i] == "" {
		p.names[i] = p.spanName(method, noRoute) + " " + p.router.patterns[route]
	}
	return p.names[i]
}
