// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package record

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strconv"

	"golang.org/x/sys/unix"
)

// then is what is done to what was read.
type then uint8

const (
	thenInt then = iota
	thenFloat
	thenScale
	thenBool
	thenEnum
	thenHex
	thenErrno
	thenSignal
	thenIPv4
	thenDevice
	thenRef
	thenBytes // nothing: it was read as bytes
)

// Scratch is the memory in which values are spelled that are not in the record as they
// are shown. It is reused for each record.
type Scratch struct{ buf []byte }

// Reset forgets what was spelled.
func (s *Scratch) Reset() { s.buf = s.buf[:0] }

// Read reads the field. The record must have [Field.End] bytes at least. The value's bytes
// are parts of the record or of the scratch memory.
func (f *Field) Read(rec []byte, v *Value, s *Scratch) {
	switch f.then {
	case thenInt:
		v.Kind, v.Int = Int, f.number(rec)
		if v.Int < 0 && !f.signed {
			v.Kind = Uint
		}
	case thenEnum:
		f.enum(f.number(rec), v, s)
	case thenBytes:
		f.readBytes(rec, v, s)
	case thenFloat, thenScale:
		v.Kind, v.Float = Float, f.Number(rec)
	case thenBool:
		v.Kind, v.Int = Bool, 0
		if f.number(rec) != 0 {
			v.Int = 1
		}
	case thenHex:
		at := len(s.buf)
		s.buf = append(s.buf, "0x"...)
		s.buf = strconv.AppendUint(s.buf, uint64(f.number(rec)), 16)
		v.Kind, v.Bytes = Bytes, s.buf[at:]
	case thenErrno:
		f.errno(f.number(rec), v, s)
	case thenSignal:
		signal(f.number(rec), v, s)
	case thenIPv4:
		n := uint32(f.number(rec))
		at := len(s.buf)
		s.buf = netip.AddrFrom4([4]byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)}).AppendTo(s.buf)
		v.Kind, v.Bytes = Bytes, s.buf[at:]
	case thenDevice:
		// The kernel's own form of a device number, include/linux/kdev_t.h: 12 bits of
		// major number before 20 bits of minor number.
		n := uint64(f.number(rec))
		at := len(s.buf)
		s.buf = strconv.AppendUint(s.buf, n>>20&0xfff, 10)
		s.buf = append(s.buf, ':')
		s.buf = strconv.AppendUint(s.buf, n&0xfffff, 10)
		v.Kind, v.Bytes = Bytes, s.buf[at:]
	case thenRef:
		v.Kind, v.Int = Ref, f.number(rec)
	}
}

func (f *Field) enum(n int64, v *Value, s *Scratch) {
	if uint64(n) < uint64(len(f.names)) && f.names[n] != "" {
		v.Kind, v.Text = Text, f.names[n]
		return
	}
	if name, ok := f.named[n]; ok {
		v.Kind, v.Text = Text, name
		return
	}
	decimal(n, v, s)
}

func decimal(n int64, v *Value, s *Scratch) {
	at := len(s.buf)
	s.buf = strconv.AppendInt(s.buf, n, 10)
	v.Kind, v.Bytes = Bytes, s.buf[at:]
}

// maxErrno is MAX_ERRNO of include/linux/err.h.
const maxErrno = 4095

// errno names an error number. Programs send them as system calls return them, below
// zero, or turned around. What else a system call returns is no error, so that the
// format of return values does not turn them around.
func (f *Field) errno(n int64, v *Value, s *Scratch) {
	if n < 0 || f.Format == Return {
		n = -n
	}
	if n <= 0 || n > maxErrno {
		v.Kind = None
		return
	}
	if name := unix.ErrnoName(unix.Errno(n)); name != "" {
		v.Kind, v.Text = Text, name
		return
	}
	decimal(n, v, s)
}

func signal(n int64, v *Value, s *Scratch) {
	if n == 0 {
		v.Kind = None
		return
	}
	if name := unix.SignalName(unix.Signal(n)); name != "" {
		v.Kind, v.Text = Text, name
		return
	}
	// The kernel's first real-time signal; C libraries keep some for themselves.
	const first, last = 32, 64
	if n < first || n > last {
		decimal(n, v, s)
		return
	}
	at := len(s.buf)
	s.buf = append(s.buf, "SIGRTMIN+"...)
	s.buf = strconv.AppendInt(s.buf, n-first, 10)
	v.Kind, v.Bytes = Bytes, s.buf[at:]
}

// readBytes reads what is no number. It takes no more than the record has.
func (f *Field) readBytes(rec []byte, v *Value, s *Scratch) {
	b := rec[min(int(f.offset), len(rec)):min(int(f.offset+f.size), len(rec))]
	v.Kind = Bytes
	switch f.op {
	case opChars:
		if i := bytes.IndexByte(b, 0); i >= 0 {
			b = b[:i]
		}
		v.Bytes = b
	case opHexBytes:
		at := len(s.buf)
		s.buf = hex.AppendEncode(s.buf, b)
		v.Bytes = s.buf[at:]
	case opIPv4:
		at := len(s.buf)
		s.buf = netip.AddrFrom4([4]byte(b)).AppendTo(s.buf)
		v.Bytes = s.buf[at:]
	case opIPv6:
		at := len(s.buf)
		s.buf = netip.AddrFrom16([16]byte(b)).Unmap().AppendTo(s.buf)
		v.Bytes = s.buf[at:]
	case opInts:
		v.Kind, v.Bytes = Ints, b
	}
}

// At reads the integer n of a value of the kind Ints.
func (f *Field) At(b []byte, n int) int64 {
	b = b[n*int(f.elem):]
	switch {
	case f.elem == 1 && f.signed:
		return int64(int8(b[0]))
	case f.elem == 1:
		return int64(b[0])
	case f.elem == 2 && f.signed:
		return int64(int16(binary.LittleEndian.Uint16(b)))
	case f.elem == 2:
		return int64(binary.LittleEndian.Uint16(b))
	case f.elem == 4 && f.signed:
		return int64(int32(binary.LittleEndian.Uint32(b)))
	case f.elem == 4:
		return int64(binary.LittleEndian.Uint32(b))
	default:
		return int64(binary.LittleEndian.Uint64(b))
	}
}

// Len is the number of integers of a value of the kind Ints.
func (f *Field) Len(v *Value) int { return len(v.Bytes) / int(f.elem) }
