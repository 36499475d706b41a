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
	var u objectUdpValue
	assert.EqualValues(t, 8*wordUDPDropped, unsafe.Offsetof(u.Dropped))
	assert.EqualValues(t, 8*wordUDPReceived, unsafe.Offsetof(u.Received))
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
		{dims{Role: roleClient}, map[string]any{attrTransport: "tcp"}},
		{dims{Role: roleOverflow}, map[string]any{attrTransport: "tcp", attrOverflow: true}},
	} {
		m := pcommon.NewMap()
		(&Instrument{}).attributes(m, &tt.dims, "tcp")
		assert.Equal(t, tt.want, m.AsRaw())
	}
}

func TestConfig(t *testing.T) {
	require.NoError(t, DefaultConfig().Validate())
	require.ErrorContains(t, (&Config{MaxSeries: 1, MaxSockets: 64}).Validate(), "max_series: 1 is not from 64")
	bad := DefaultConfig()
	bad.FailureRecords = 5000
	bad.Zones = []Zone{{Name: "a", CIDRs: []string{"10.0.0.0"}}, {CIDRs: []string{"10.0.0.0/8"}}, {Name: "b"}}
	for _, want := range []string{
		"failure_records: 5000 is more than 1000", `zones::0: "10.0.0.0" is no network as 10.0.0.0/8 is`,
		"zones::1: a zone needs a name", "zones::2: a zone needs cidrs",
	} {
		require.ErrorContains(t, bad.Validate(), want)
	}
	require.ErrorContains(t, (&Config{MaxSeries: 64}).Validate(), "max_sockets: 0 is not from 64")
}

func TestZones(t *testing.T) {
	c := Config{Zones: []Zone{{"office", []string{"10.1.0.0/16", "2001:db8::/32"}}, {"private", []string{"10.0.0.0/8"}}}}
	networks, err := c.networks()
	require.NoError(t, err)
	for text, want := range map[string]string{"10.1.2.3": "office", "10.2.2.3": "private", "192.0.2.1": "", "2001:db8::5": "office"} {
		d := dims{Addr: [16]byte{}, Family: afInet, Port: 80, Role: roleClient}
		a := netip.MustParseAddr(text)
		if a.Is6() {
			d.Family, d.Addr = afInet6, a.As16()
		} else {
			four := a.As4()
			copy(d.Addr[:], four[:])
		}
		m := pcommon.NewMap()
		(&Instrument{networks: networks}).attributes(m, &d, "tcp")
		zone, _ := m.Get(attrZone)
		if want == "" {
			assert.NotContains(t, m.AsRaw(), attrZone)
			continue
		}
		assert.Equal(t, want, zone.Str(), text)
	}
}
