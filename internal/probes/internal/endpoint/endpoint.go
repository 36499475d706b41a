// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package endpoint is what the exchanges of one connection have in common, whatever
// their protocol.
package endpoint

import (
	"net/netip"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/intern"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/tls"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream/correlate"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// Endpoint is one end of a connection. Held exchanges use it also after the
// connection's end.
type Endpoint struct {
	Process *probe.ProcessInfo
	Role    stream.Role // Server or Client
	Unix    bool
	TLS     bool // the connection is encrypted

	// RemoteAddress is "" for Unix sockets.
	RemoteAddress string
	RemotePort    uint16
	// ServerAddress is the address of the server's end.
	ServerAddress string
	ServerPort    uint16

	hello *tls.Facts     // nil when it is not encrypted
	local bool           // both ends are on this host
	wire  correlate.Wire // without Seq
}

// Make describes the end of a connection that has the role.
func Make(c *stream.Conn, role stream.Role, strings *intern.Strings) Endpoint {
	p := Endpoint{Process: c.Process, Role: role, Unix: c.Unix, TLS: c.TLS, hello: c.Hello}
	server, client := c.Local, c.Remote
	if role == stream.Client {
		server, client = client, server
	}
	p.wire = correlate.Wire{NetNS: c.NetNS, Client: client, Server: server}
	p.local = !c.Unix && p.wire.Local()
	p.RemoteAddress, p.RemotePort = text(c.Remote, strings)
	p.ServerAddress, p.ServerPort = p.RemoteAddress, p.RemotePort
	if role == stream.Server {
		p.ServerAddress, p.ServerPort = text(server, strings)
	}
	return p
}

// Wire is the name of the connection at both ends, without Seq, or nil when
// the other end is not on this host.
func (p *Endpoint) Wire() *correlate.Wire {
	if !p.local {
		return nil
	}
	return &p.wire
}

func text(a netip.AddrPort, strings *intern.Strings) (string, uint16) {
	if !a.IsValid() {
		return "", 0
	}
	var b [64]byte
	return strings.Str(a.Addr().AppendTo(b[:0])), a.Port()
}
