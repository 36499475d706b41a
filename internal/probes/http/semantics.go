// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"strconv"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/http1"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
)

// methods are those that the conventions know; the rest is "_OTHER".
var methods = [...]string{"_OTHER", "GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE", "QUERY"}

// methodOf returns the index in methods.
func methodOf(b []byte) uint8 {
	for i := 1; i < len(methods); i++ {
		if string(b) == methods[i] {
			return uint8(i)
		}
	}
	return 0
}

// unknownMethod stands for one that was not seen.
const unknownMethod = uint8(0xff)

// versions are the values of network.protocol.version by HTTP/1's minor number, and HTTP/2.
var versions = [...]string{"1.0", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6", "1.7", "1.8", "1.9", "2"}

// failure says why an exchange counts as failed.
type failure uint8

const (
	success failure = iota
	byStatus
	connectionReset
	connectionClosed
)

// errorType is the value of error.type.
func (f failure) errorType(status uint16) string {
	switch f {
	case byStatus:
		return strconv.Itoa(int(status))
	case connectionReset:
		return "connection_reset"
	case connectionClosed:
		return "connection_closed"
	default:
		if f >= byReset {
			return resetName(f)
		}
		return ""
	}
}

// failureOf judges an exchange from one side. A status says it for servers
// from 500 on, for clients from 400 on; else an exchange that the connection's
// end cut failed. Where observation ended first, nothing is known.
func failureOf(role stream.Role, ex *http1.Exchange) failure {
	if ex.StatusKnown && failureOfStatus(role, ex.Status) == byStatus {
		return byStatus
	}
	if ex.Outcome == http1.NoResponse || ex.Outcome == http1.ResponseCut {
		switch ex.Reason {
		case http1.CloseReset:
			return connectionReset
		case http1.CloseNormal:
			return connectionClosed
		}
	}
	return success
}

func failureOfStatus(role stream.Role, status uint16) failure {
	if status >= 500 || role == stream.Client && status >= 400 {
		return byStatus
	}
	return success
}

// facts are what spans and metrics both need of an exchange. Slices are parts
// of the exchange's.
type facts struct {
	target     target
	host       string // server.address, "" when not known
	port       uint16 // server.port
	route      int32
	start, end uint64
	method     uint8
	failure    failure
}

// seconds is the duration.
func (f *facts) seconds() float64 { return float64(f.end-f.start) / 1e9 }

// derive fills f. It allocates nothing when it has seen the host before.
func (p *instrument) derive(c *peer, ex *http1.Exchange, f *facts) {
	f.target = parseTarget(ex.Target, ex.TargetTruncated)
	if f.target.scheme == nil && c.TLS {
		f.target.scheme = schemeHTTPS
	}
	f.method = methodOf(ex.Method)
	f.failure = failureOf(c.Role, ex)
	f.route = noRoute
	if c.Role == stream.Server {
		f.route = p.route(f.target.path, ex.ResponseTag.Route)
	}
	f.start = firstOf(ex.RequestStart, ex.RequestEnd, ex.ResponseStart, ex.End)
	f.end = max(firstOf(ex.ResponseEnd, ex.End), f.start)
	f.host, f.port = p.serverAddress(c, ex, &f.target)
}

func firstOf(times ...uint64) uint64 {
	for _, t := range times {
		if t != 0 {
			return t
		}
	}
	return 0
}

// serverAddress: the authority of the target, else the Host header, else the
// connection's address at the server, unless a Host header may have been cut off.
func (p *instrument) serverAddress(c *peer, ex *http1.Exchange, t *target) (string, uint16) {
	authority := t.authority
	if authority == nil {
		authority = ex.Host
	}
	if len(authority) > 0 {
		if c.authority != "" && c.authority == string(authority) {
			return c.host, c.port
		}
		if host, port := splitAuthority(authority); host != nil {
			if port == 0 {
				port = defaultPort(t.scheme)
			}
			c.authority, c.host, c.port = p.strings.Str(authority), p.strings.Str(host), port
			return c.host, port
		}
		c.authority, c.host, c.port = "", "", 0
	}
	if ex.RequestHeadCut && ex.Host == nil {
		return "", 0
	}
	return c.ServerAddress, c.ServerPort
}

func defaultPort(scheme []byte) uint16 {
	if string(scheme) == "https" {
		return 443
	}
	return 80
}
