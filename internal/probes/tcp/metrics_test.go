// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package tcp

import (
	"net/netip"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/inkernel"
)

func TestLayout(t *testing.T) {
	var v objectTcpValue
	durations := inkernel.Durations()
	assert.EqualValues(t, 8*wordFailed, unsafe.Offsetof(v.Failed))
	assert.EqualValues(t, 8*wordConnect, unsafe.Offsetof(v.Connect))
	assert.EqualValues(t, 8*(wordConnect+durations.Words()), unsafe.Offsetof(v.Rtt))
	assert.EqualValues(t, unsafe.Sizeof(objectTcpDims{}), unsafe.Sizeof(dims{}))
	assert.EqualValues(t, unsafe.Sizeof(objectTcpKey{}), unsafe.Sizeof(inkernel.Key[dims]{}))
}

func TestAttributes(t *testing.T) {
	mapped := netip.MustParseAddr("::ffff:10.1.2.3").As16()
	six := netip.MustParseAddr("2001:db8::1").As16()
	for _, tt := range []struct {
		dims dims
		want map[string]any
	}{
		{dims{Addr: [16]byte{10, 1, 2, 3}, Family: afInet, Port: 443, Role: roleClient},
			map[string]any{attrTransport: "tcp", attrPeerAddress: "10.1.2.3", attrPeerPort: int64(443), attrType: "ipv4"}},
		{dims{Addr: mapped, Family: afInet6, Port: 443, Role: roleClient},
			map[string]any{attrTransport: "tcp", attrPeerAddress: "10.1.2.3", attrPeerPort: int64(443), attrType: "ipv4"}},
		{dims{Addr: six, Family: afInet6, Port: 80, Role: roleServer},
			map[string]any{attrTransport: "tcp", attrPeerAddress: "2001:db8::1", attrLocalPort: int64(80), attrType: "ipv6"}},
		{dims{Port: 80, Role: roleListener}, map[string]any{attrTransport: "tcp", attrLocalPort: int64(80)}},
		{dims{Role: roleOverflow}, map[string]any{attrTransport: "tcp", attrOverflow: true}},
	} {
		m := pcommon.NewMap()
		tt.dims.attributes(m)
		assert.Equal(t, tt.want, m.AsRaw())
	}
}

func TestConfig(t *testing.T) {
	require.NoError(t, DefaultConfig().Validate())
	require.ErrorContains(t, (&Config{MaxSeries: 1, MaxSockets: 64}).Validate(), "max_series: 1 is not from 64")
	require.ErrorContains(t, (&Config{MaxSeries: 64}).Validate(), "max_sockets: 0 is not from 64")
}
