// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	semconv "go.opentelemetry.io/otel/semconv/v1.40.0"
)

const (
	keyProtocol = string(semconv.TLSProtocolNameKey)
	keyVersion  = string(semconv.TLSProtocolVersionKey)
	keyCipher   = string(semconv.TLSCipherKey)
	// The conventions deprecate it in favour of server.address. Here that is what the request
	// itself names, or the address of the connection, and a client may ask for another name.
	keyServerName = "tls.client.server_name"
	// There is no convention for it.
	keyKernel = "ebpf.tls.kernel"
)

// TLSAttributes is the most that PutTLS writes.
const TLSAttributes = 5

// PutTLS writes to a span what is known of how the connection is encrypted.
func (p *Endpoint) PutTLS(m pcommon.Map) {
	if p.hello == nil {
		return
	}
	if version := p.hello.VersionName(); version != "" {
		m.PutStr(keyProtocol, p.hello.Protocol())
		m.PutStr(keyVersion, version)
		if cipher := p.hello.CipherName(); cipher != "" {
			m.PutStr(keyCipher, cipher)
		}
	}
	if p.hello.ServerName != "" {
		m.PutStr(keyServerName, p.hello.ServerName)
	}
	if p.hello.Kernel {
		m.PutBool(keyKernel, true)
	}
}
