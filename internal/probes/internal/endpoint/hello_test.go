// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package endpoint

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/tls"
)

// What is not known of a connection is in no attribute.
func TestPutTLS(t *testing.T) {
	for _, test := range []struct {
		facts *tls.Facts
		want  map[string]any
	}{
		{nil, map[string]any{}},
		{&tls.Facts{}, map[string]any{}},
		{&tls.Facts{Kernel: true}, map[string]any{"ebpf.tls.kernel": true}},
		{&tls.Facts{ServerName: "a.example", Version: tls.Version13, Cipher: 0x1301, Kernel: true}, map[string]any{
			"tls.protocol.name": "tls", "tls.protocol.version": "1.3", "tls.cipher": "TLS_AES_128_GCM_SHA256",
			"tls.client.server_name": "a.example", "ebpf.tls.kernel": true,
		}},
	} {
		m := pcommon.NewMap()
		(&Endpoint{hello: test.facts}).PutTLS(m)
		assert.Equal(t, test.want, m.AsRaw())
		assert.LessOrEqual(t, m.Len(), TLSAttributes)
	}
}
