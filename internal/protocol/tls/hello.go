// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package tls

import (
	"encoding/binary"
	"strings"
)

// Facts are what is known of a connection. What was not seen is zero.
type Facts struct {
	// ServerName is the name that the client asked for (RFC 6066 section 3), in lower case.
	ServerName string
	// Version is that which the server chose, as 0x0303 for TLS 1.2.
	Version uint16
	// Cipher is the cipher suite that the server chose, by its number in IANA's registry. It
	// means something only with a Version.
	Cipher uint16
	// Kernel tells that the kernel encrypts or decrypts, for the program (kTLS). No hello says that.
	Kernel bool
}

// Types of handshake messages.
const (
	clientHello = 1
	serverHello = 2
)

// Extensions (IANA's registry of TLS ExtensionType values).
const (
	serverName        = 0
	supportedVersions = 43
)

// The versions of the protocol.
const (
	VersionSSL3 = 0x0300
	VersionTLS1 = 0x0301
	Version12   = 0x0303
	Version13   = 0x0304
)

// Read takes the beginning of what one end sends, without headers of records, and adds what
// it says to the facts. It is called again with more when it answers that more is needed: then
// what was cut off may still tell something. What is no hello adds nothing.
func Read(b []byte, to *Facts) (more bool) {
	if len(b) < 4 {
		return len(b) == 0 || b[0] == clientHello || b[0] == serverHello
	}
	n := int(b[1])<<16 | int(binary.BigEndian.Uint16(b[2:]))
	c := cursor{b: b[4:]}
	if len(c.b) > n {
		c.b = c.b[:n]
	}
	c.cut = len(c.b) < n
	done := false
	switch b[0] {
	case clientHello:
		done = readClient(&c, to)
	case serverHello:
		done = readServer(&c, to)
	}
	return !done && c.short && c.cut
}

// readClient: version (2), random (32), session id, cipher suites, compression methods, extensions.
func readClient(c *cursor, to *Facts) (done bool) {
	if v := c.uint16(); !c.short && v>>8 != 3 {
		return true
	}
	c.skip(32)
	c.skip(int(c.uint8()))
	c.skip(int(c.uint16()))
	c.skip(int(c.uint8()))
	c.extensions(func(kind uint16, body cursor) bool {
		if kind != serverName {
			return true
		}
		if name, ok := hostName(&body); ok {
			to.ServerName = name
		}
		done = true
		return false
	})
	return done
}

// hostName is the first name of type host_name in a server_name extension: a list of names
// with a type each (RFC 6066 section 3).
func hostName(c *cursor) (string, bool) {
	list := c.bytes(int(c.uint16()))
	if c.short {
		return "", false
	}
	names := cursor{b: list}
	for !names.short && len(names.b) > 0 {
		kind, name := names.uint8(), names.bytes(int(names.uint16()))
		if kind == 0 && !names.short {
			return plainName(name)
		}
	}
	return "", false
}

// plainName takes what can be a name in DNS (RFC 1123 section 2.1, with the underscores that
// are used all the same).
func plainName(b []byte) (string, bool) {
	if len(b) == 0 || len(b) > 253 {
		return "", false
	}
	for _, ch := range b {
		switch {
		case 'a' <= ch && ch <= 'z', 'A' <= ch && ch <= 'Z', '0' <= ch && ch <= '9', ch == '-', ch == '.', ch == '_':
		default:
			return "", false
		}
	}
	return strings.ToLower(string(b)), true
}

// readServer: version (2), random (32), session id, cipher suite, compression method, extensions.
// The version is the one in the extension supported_versions if there is one (RFC 8446 section
// 4.1.3), which is certain only when all of them were seen, unless the suite tells it. A
// HelloRetryRequest has the same form, and the ServerHello after it may not say otherwise
// (section 4.1.4).
func readServer(c *cursor, to *Facts) (done bool) {
	legacy := c.uint16()
	if !c.short && (legacy < VersionSSL3 || legacy > Version12) {
		return true
	}
	c.skip(32)
	if n := int(c.uint8()); n <= 32 {
		c.skip(n)
	} else {
		return true
	}
	cipher := c.uint16()
	c.skip(1)
	if c.short {
		return false
	}
	if cipher>>8 == 0x13 { // such suites are of no other version (RFC 8446 appendix B.4)
		to.Version, to.Cipher = Version13, cipher
		return true
	}
	version := legacy
	c.extensions(func(kind uint16, body cursor) bool {
		if kind != supportedVersions {
			return true
		}
		if v := body.uint16(); !body.short {
			version = v
		}
		return false
	})
	if c.short {
		return false
	}
	if VersionSSL3 <= version && version <= Version13 { // not a draft
		to.Version, to.Cipher = version, cipher
	}
	return true
}

// cursor reads fields from bytes, zeros after their end.
type cursor struct {
	b     []byte
	cut   bool // there are more bytes than b has
	short bool // something was read beyond the end
}

func (c *cursor) bytes(n int) []byte {
	if c.short || n > len(c.b) {
		c.short = true
		return nil
	}
	b := c.b[:n]
	c.b = c.b[n:]
	return b
}

func (c *cursor) skip(n int) { c.bytes(n) }

func (c *cursor) uint8() uint8 {
	if b := c.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) uint16() uint16 {
	if b := c.bytes(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

// extensions calls f for each that is whole, until it wants no more. It sets short if the list
// ends early. There need not be a list (RFC 5246 section 7.4.1.2).
func (c *cursor) extensions(f func(kind uint16, body cursor) bool) {
	if c.short || len(c.b) == 0 && !c.cut {
		return
	}
	left := int(c.uint16())
	for left > 0 && !c.short {
		kind, n := c.uint16(), int(c.uint16())
		body := c.bytes(n)
		if left -= 4 + n; c.short || left < 0 {
			c.short = true
			return
		}
		if !f(kind, cursor{b: body}) {
			return
		}
	}
}
