// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package amqp

import (
	"bytes"
	"encoding/binary"
)

// greeting is what a client sends first.
const greeting = "AMQP\x00\x00\x09\x01"

// encrypted recognizes a record of TLS that holds a handshake.
func encrypted(b []byte) bool { return len(b) >= 3 && b[0] == 0x16 && b[1] == 3 && b[2] <= 4 }

// Recognize tells from the first bytes of a direction whether a frame starts there, and which
// way it goes: the protocol header, or a method that only one side sends.
func Recognize(b []byte) (Direction, Verdict) {
	n := min(len(b), len(greeting))
	if string(b[:n]) == greeting[:n] {
		if n < len(greeting) {
			return Request, NeedMore
		}
		return Request, Yes
	}
	if b[0] != frameMethod {
		return Request, No
	}
	if len(b) < frameHeader+4 {
		return Request, NeedMore
	}
	size := binary.BigEndian.Uint32(b[3:])
	if size < 4 || size > maxMethod {
		return Request, No
	}
	if end := int64(frameHeader) + int64(size); end < int64(len(b)) && b[end] != frameEnd {
		return Request, No
	}
	channel := binary.BigEndian.Uint16(b[1:])
	m := method(binary.BigEndian.Uint32(b[frameHeader:]))
	if (m>>16 == 10) != (channel == 0) {
		return Request, No
	}
	switch m {
	case basicPublish, basicConsume, basicGet, basicReject, connectionStartOK, connectionTuneOK, confirmSelect, channelOpen:
		return Request, Yes
	case basicDeliver, basicGetOK, basicReturn, basicGetEmpty, basicConsumeOK, connectionStart, confirmSelectOK:
		return Response, Yes
	}
	return Request, No
}

// resync looks for a whole method frame, or a heartbeat: at the beginning of b, if that is a
// segment's, and behind each frame-end. It gives the number of bytes before it.
func resync(b []byte, segmentStart bool) (int, bool) {
	if segmentStart && plausible(b) {
		return 0, true
	}
	for i := 0; ; {
		n := bytes.IndexByte(b[i:], frameEnd)
		if n < 0 {
			return len(b), false
		}
		i += n + 1
		if i < len(b) && plausible(b[i:]) {
			return i, true
		}
	}
}

// plausible tells whether a whole frame begins with b that other bytes are unlikely to
// look like.
func plausible(b []byte) bool {
	if len(b) < frameHeader+1 {
		return false
	}
	size := binary.BigEndian.Uint32(b[3:])
	if size > maxMethod || int64(len(b)) < int64(frameHeader)+int64(size)+1 || b[frameHeader+size] != frameEnd {
		return false
	}
	channel := binary.BigEndian.Uint16(b[1:])
	switch b[0] {
	case frameHeartbeat:
		return size == 0 && channel == 0
	case frameMethod:
		if size < 4 {
			return false
		}
		m := method(binary.BigEndian.Uint32(b[frameHeader:]))
		return m.known() && (m>>16 == 10) == (channel == 0)
	}
	return false
}
