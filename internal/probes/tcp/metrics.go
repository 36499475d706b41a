// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package tcp

import (
	"net/netip"
	"unsafe"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/inkernel"
)

// The semantic conventions have process.network.io, and the attributes that do not begin
// with "ebpf.". They have no metrics of connections.
const (
	metricIO          = "process.network.io"
	metricOpened      = "ebpf.tcp.connections.opened"
	metricAccepted    = "ebpf.tcp.connections.accepted"
	metricFailed      = "ebpf.tcp.connections.failed"
	metricAborted     = "ebpf.tcp.connections.aborted"
	metricActive      = "ebpf.tcp.connections.active"
	metricRetransmits = "ebpf.tcp.retransmits"
	metricDrops       = "ebpf.tcp.listen.drops"
	metricConnect     = "ebpf.tcp.connect.duration"
	metricRTT         = "ebpf.tcp.rtt"

	attrDirection   = "network.io.direction"
	attrErrorType   = "error.type"
	attrTransport   = "network.transport"
	attrType        = "network.type"
	attrPeerAddress = "network.peer.address"
	attrPeerPort    = "network.peer.port"
	attrLocalPort   = "network.local.port"
	attrZone        = "ebpf.network.peer.zone"
	attrOverflow    = "otel.metric.overflow"
)

// The words of struct tcp_value.
const (
	wordOpened = iota
	wordAccepted
	wordBegun
	wordEnded
	wordSent
	wordReceived
	wordRetransmits
	wordDropped
	wordAbortedReset
	wordAbortedTimeout
	wordAbortedSelf
	wordFailed
	wordConnect = wordFailed + numErrors
)

// errorTypes are enum tcp_error.
func errorTypes() [numErrors]string {
	return [numErrors]string{"ECONNREFUSED", "ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH", "ECONNRESET", "cancelled", "_OTHER"}
}

const numErrors = 7

// value is struct tcp_value as words.
type value = [unsafe.Sizeof(objectTcpValue{}) / 8]uint64

// dims are struct tcp_dims.
type dims struct {
	Addr   [16]byte
	Port   uint16
	Family uint16
	Role   uint32
}

// enum tcp_role
const (
	roleClient = iota + 1
	roleServer
	roleListener
	roleOverflow
)

const (
	afInet  = 2
	afInet6 = 10
)

func (d *dims) addr() netip.Addr {
	switch d.Family {
	case afInet:
		return netip.AddrFrom4([4]byte(d.Addr[:4]))
	case afInet6:
		return netip.AddrFrom16(d.Addr).Unmap()
	}
	return netip.Addr{}
}

// attributes writes those of a point.
func (i *Instrument) attributes(m pcommon.Map, d *dims, transport string) {
	m.EnsureCapacity(8)
	m.PutStr(attrTransport, transport)
	if a := d.addr(); a.IsValid() {
		m.PutStr(attrPeerAddress, a.String())
		if a.Is4() {
			m.PutStr(attrType, "ipv4")
		} else {
			m.PutStr(attrType, "ipv6")
		}
		if zone := zoneOf(i.networks, a); zone != "" {
			m.PutStr(attrZone, zone)
		}
	}
	switch d.Role {
	case roleClient:
		if d.Port != 0 { // of a UDP socket that is not connected
			m.PutInt(attrPeerPort, int64(d.Port))
		}
	case roleOverflow:
		m.PutBool(attrOverflow, true)
	default:
		m.PutInt(attrLocalPort, int64(d.Port))
	}
}

const ioDescription = "Bytes of payload that the process exchanged."

func (i *Instrument) schema() inkernel.Schema[dims] {
	with := func(key, v string) func(pcommon.Map, *dims) {
		return func(m pcommon.Map, d *dims) {
			i.attributes(m, d, "tcp")
			if key != "" {
				m.PutStr(key, v)
			}
		}
	}
	plain := with("", "")
	durations := inkernel.Durations()
	s := inkernel.Schema[dims]{Metrics: []inkernel.Metric[dims]{
		{Name: metricOpened, Unit: "{connection}", Description: "Connections that the process opened.", Word: wordOpened, Skip: true, Attributes: plain},
		{Name: metricAccepted, Unit: "{connection}", Description: "Connections that clients opened to the process.", Word: wordAccepted, Skip: true, Attributes: plain},
		{Name: metricActive, Unit: "{connection}", Description: "Connections of the process that are open.", Kind: inkernel.UpDown, Word: wordBegun, Skip: true, Attributes: plain},
		{Name: metricIO, Unit: "By", Description: ioDescription, Word: wordSent, Skip: true, Attributes: with(attrDirection, "transmit")},
		{Name: metricIO, Unit: "By", Description: ioDescription, Word: wordReceived, Skip: true, Attributes: with(attrDirection, "receive")},
		{Name: metricRetransmits, Unit: "{segment}", Description: "Segments that were sent again.", Word: wordRetransmits, Skip: true, Attributes: plain},
		{Name: metricDrops, Unit: "{connection}", Description: "Connections that a listening socket had no room for, or did not take.", Word: wordDropped, Skip: true, Attributes: plain},
		{Name: metricAborted, Unit: "{connection}", Description: "Established connections that ended by an error.", Word: wordAbortedReset, Skip: true, Attributes: with(attrErrorType, "ECONNRESET")},
		{Name: metricAborted, Unit: "{connection}", Description: "Established connections that ended by an error.", Word: wordAbortedTimeout, Skip: true, Attributes: with(attrErrorType, "ETIMEDOUT")},
		{Name: metricAborted, Unit: "{connection}", Description: "Established connections that ended by an error.", Word: wordAbortedSelf, Skip: true, Attributes: with(attrErrorType, "ECONNABORTED")},
	}}
	for n, name := range errorTypes() {
		s.Metrics = append(s.Metrics, inkernel.Metric[dims]{
			Name: metricFailed, Unit: "{connection}", Description: "Connections that the process could not open.",
			Word: wordFailed + n, Skip: true, Attributes: with(attrErrorType, name),
		})
	}
	s.Metrics = append(s.Metrics,
		inkernel.Metric[dims]{
			Name: metricConnect, Unit: "s", Description: "Time that it took to open a connection.",
			Kind: inkernel.Histogram, Word: wordConnect, Layout: durations, Attributes: plain,
		},
		inkernel.Metric[dims]{
			Name: metricRTT, Unit: "s", Description: "Smoothed round-trip time of connections, at each collection and at their end.",
			Kind: inkernel.Histogram, Word: wordConnect + durations.Words(), Layout: durations, Attributes: plain,
		})
	s.Events = func(w []uint64) uint64 {
		n := w[wordBegun]
		for _, f := range w[wordFailed:wordConnect] {
			n += f
		}
		return n
	}
	return s
}
