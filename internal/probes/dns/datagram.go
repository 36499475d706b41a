// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package dns

import (
	"net/netip"
	"unsafe"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/dns"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

const (
	afInet   = 2
	afInet6  = 10
	received = 0 // DNS_RX of bpf/include/dns.h
)

const eventSize = int(unsafe.Sizeof(objectDnsEvent{}))

// view casts a record onto its struct and returns the captured bytes behind it, or false when
// the record is too short for what it says it holds.
func view(raw []byte) (*objectDnsEvent, []byte, bool) {
	if len(raw) < eventSize {
		return nil, nil, false
	}
	e := (*objectDnsEvent)(unsafe.Pointer(unsafe.SliceData(raw)))
	data := raw[eventSize:]
	if int(e.Cap) > len(data) || uint32(e.Cap) > e.Len {
		return nil, nil, false
	}
	return e, data[:e.Cap], true
}

// address gives an end, without the IPv6 form of IPv4. It is invalid when not known.
func address(family uint8, a *[16]byte, port uint16) netip.AddrPort {
	switch family {
	case afInet:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(a[:4])), port)
	case afInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(*a).Unmap(), port)
	}
	return netip.AddrPort{}
}

// ends names what the datagrams of one exchange have in common: socket, process, and the
// other end.
type ends struct {
	socket uint64
	pid    uint32
	remote netip.AddrPort
}

// datagram takes one record of the kernel. Of a process that began and ended a moment ago
// nothing may be known yet: the Daemon that follows processes reads another ring.
func (p *instrument) datagram(raw []byte) {
	e, data, ok := view(raw)
	if !ok {
		p.malformed++
		return
	}
	process := p.set.Processes.Lookup(e.Tgid, e.Start)
	if process == nil {
		p.deferred.add(raw, e.Time)
		return
	}
	p.message(e, data, process)
}

// message takes the message of a known process.
func (p *instrument) message(e *objectDnsEvent, data []byte, process *probe.ProcessInfo) {
	if process.Forbidden&(1<<stream.ProtoDNS) != 0 {
		p.forbidden++
		return
	}
	m := p.pairs.Decode(data, int(e.Len))
	if m == nil {
		return
	}
	// Who sends queries and receives responses is the client.
	role, as := dns.Client, stream.Client
	if (e.Dir == received) != m.Response {
		role, as = dns.Server, stream.Server
	}
	at := ends{e.Ino, e.Tgid, address(e.Rfamily, &e.Raddr, e.Rport)}
	of := stream.Conn{
		ID: e.Ino, Role: as, Proto: stream.ProtoDNS, Process: process,
		Local: address(e.Lfamily, &e.Laddr, e.Lport), Remote: at.remote, NetNS: e.Netns,
	}
	p.pairs.Message(role, at, of, m, e.Time, int64(e.Len), dns.Tag{TID: e.Tid, Seq: uint32(m.ID)})
}
