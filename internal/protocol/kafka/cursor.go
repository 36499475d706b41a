// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package kafka

import "encoding/binary"

// cursor reads the protocol's types ("Protocol Primitive Types") from bytes at hand. A read
// beyond them sets short and gives zero, and so do all that follow; what no valid message
// holds sets bad.
type cursor struct {
	b          []byte
	off        int
	left       int64 // bytes of the message from b[0] on
	short, bad bool
}

// failed reports that what was read is of no use.
func (c *cursor) failed() bool { return c.short || c.bad }

func (c *cursor) take(n int) []byte {
	if c.short || n > len(c.b)-c.off {
		c.short = true
		return nil
	}
	b := c.b[c.off : c.off+n : c.off+n]
	c.off += n
	return b
}

func (c *cursor) i8() int8 {
	if b := c.take(1); b != nil {
		return int8(b[0])
	}
	return 0
}

func (c *cursor) i16() int16 {
	if b := c.take(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (c *cursor) i32() int32 {
	if b := c.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (c *cursor) i64() int64 {
	if b := c.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

func (c *cursor) uuid() (id [16]byte) {
	copy(id[:], c.take(16))
	return id
}

// uvarint reads an unsigned integer of at most 10 bytes.
func (c *cursor) uvarint() uint64 {
	if c.short {
		return 0
	}
	if c.off < len(c.b) && c.b[c.off] < 0x80 {
		c.off++
		return uint64(c.b[c.off-1])
	}
	v, n := binary.Uvarint(c.b[min(c.off, len(c.b)):])
	switch {
	case n > 0:
		c.off += n
		return v
	case n == 0:
		c.short = true
	default:
		c.bad = true
	}
	return 0
}

// varint reads a zigzag-encoded integer.
func (c *cursor) varint() int64 {
	v := c.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

// length reads that of a string (wide is false) or of bytes or an array (wide), -1 for null.
func (c *cursor) length(flexible, wide bool) int64 {
	var n int64
	switch {
	case flexible:
		n = int64(c.uvarint()) - 1
	case wide:
		n = int64(c.i32())
	default:
		n = int64(c.i16())
	}
	if c.short {
		return 0
	}
	if n < -1 || n > c.left {
		c.bad = true
		return 0
	}
	return n
}

// str reads a short string, nil for null.
func (c *cursor) str(flexible bool) []byte {
	n := c.length(flexible, false)
	if n < 0 || c.failed() {
		return nil
	}
	if n > maxUnit {
		c.bad = true
		return nil
	}
	return c.take(int(n))
}

// array reads the number of elements, each of which has at least one byte.
func (c *cursor) array(flexible bool) int32 { return int32(max(0, c.length(flexible, true))) }
