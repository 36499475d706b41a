// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package memcached

import "encoding/binary"

const (
	headerLen     = 24
	magicRequest  = 0x80
	magicResponse = 0x81
	maxBinaryBody = maxData + 1<<17
)

// header of the binary protocol: magic, opcode, key length (2), extras length, data type,
// vbucket or status (2), body length (4), opaque (4), CAS (8).
type header struct {
	b [headerLen]byte
	n int
}

// read takes bytes until the header is whole and returns those behind it.
func (h *header) read(b []byte) []byte {
	k := copy(h.b[h.n:], b)
	h.n += k
	return b[k:]
}

func (h *header) keyLen() int64    { return int64(binary.BigEndian.Uint16(h.b[2:])) }
func (h *header) extrasLen() int64 { return int64(h.b[4]) }
func (h *header) status() uint16   { return binary.BigEndian.Uint16(h.b[6:]) }
func (h *header) bodyLen() int64   { return int64(binary.BigEndian.Uint32(h.b[8:])) }
func (h *header) valueLen() int64  { return h.bodyLen() - h.keyLen() - h.extrasLen() }
func (h *header) opaque() hash     { return hash(binary.BigEndian.Uint32(h.b[12:])) }

func (h *header) valid(magic byte) bool {
	return h.b[0] == magic && h.b[5] == 0 && h.valueLen() >= 0 && h.bodyLen() <= maxBinaryBody
}

// command is nil for opcodes that memcached does not have.
func (h *header) command() *command {
	if int(h.b[1]) < len(binaryCommands) && binaryCommands[h.b[1]].name != "" {
		return &binaryCommands[h.b[1]]
	}
	return nil
}

// number reads a decimal token.
type number struct {
	v      int64
	digits uint8
	bad    bool
}

func (n *number) add(c byte) {
	if c < '0' || c > '9' || n.digits == 18 {
		n.bad = true
		return
	}
	n.v = n.v*10 + int64(c-'0')
	n.digits++
}

// value is -1 when the token is no number.
func (n *number) value() int64 {
	if n.bad || n.digits == 0 {
		return -1
	}
	return n.v
}
