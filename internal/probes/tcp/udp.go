// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package tcp

import (
	"unsafe"

	"github.com/cilium/ebpf"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/inkernel"
)

// The semantic conventions have process.network.io for bytes, and no metric of lost datagrams.
const metricDropped = "ebpf.udp.drops"

// The words of struct udp_value.
const (
	wordMessages = iota
	wordUDPSent
	wordUDPReceived
	wordUDPDropped
)

// udpValue is struct udp_value as words.
type udpValue = [unsafe.Sizeof(objectUdpValue{}) / 8]uint64

// withoutUDP is the variant for kernels that do not tell of calls on sockets (before kernel
// commit 6e6eda44b939, v6.3).
func withoutUDP(spec *ebpf.CollectionSpec) {
	// Errors show when the object is loaded: it is our own.
	_ = spec.Variables["udp"].Set(false)
	spec.Maps["udp_sockets"].MaxEntries = 1
}

func (i *Instrument) udpSchema() inkernel.Schema[dims] {
	with := func(direction string) func(pcommon.Map, *dims) {
		return func(m pcommon.Map, d *dims) {
			i.attributes(m, d, "udp")
			if direction != "" {
				m.PutStr(attrDirection, direction)
			}
		}
	}
	return inkernel.Schema[dims]{
		Metrics: []inkernel.Metric[dims]{
			{Name: metricIO, Unit: "By", Description: ioDescription, Word: wordUDPSent, Skip: true, Attributes: with("transmit")},
			{Name: metricIO, Unit: "By", Description: ioDescription, Word: wordUDPReceived, Skip: true, Attributes: with("receive")},
			{Name: metricDropped, Unit: "{datagram}", Description: "Datagrams that came for a socket of the process that had no room for them.", Word: wordUDPDropped, Skip: true, Attributes: with("")},
		},
		Events: func(w []uint64) uint64 { return w[wordMessages] + w[wordUDPDropped] },
	}
}
