// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package amqp

import "encoding/binary"

// method is a class and a method ID.
type method uint32

const (
	connectionStart        method = 10<<16 | 10
	connectionStartOK      method = 10<<16 | 11
	connectionSecureOK     method = 10<<16 | 21
	connectionTuneOK       method = 10<<16 | 31
	connectionClose        method = 10<<16 | 50
	connectionUpdateSecret method = 10<<16 | 70
	channelOpen            method = 20<<16 | 10
	channelClose           method = 20<<16 | 40
	channelCloseOK         method = 20<<16 | 41
	queueDeclareOK         method = 50<<16 | 11
	basicConsume           method = 60<<16 | 20
	basicConsumeOK         method = 60<<16 | 21
	basicPublish           method = 60<<16 | 40
	basicReturn            method = 60<<16 | 50
	basicDeliver           method = 60<<16 | 60
	basicGet               method = 60<<16 | 70
	basicGetOK             method = 60<<16 | 71
	basicGetEmpty          method = 60<<16 | 72
	basicAck               method = 60<<16 | 80
	basicReject            method = 60<<16 | 90
	basicNack              method = 60<<16 | 120
	confirmSelect          method = 85<<16 | 10
	confirmSelectOK        method = 85<<16 | 11
)

// known tells whether the method exists: classes connection, channel, exchange, queue,
// basic, confirm and tx.
func (m method) known() bool {
	n := m & 0xffff
	switch m >> 16 {
	case 10:
		return n >= 10 && n <= 71
	case 20:
		return n >= 10 && n <= 41
	case 40, 50:
		return n >= 10 && n <= 51
	case 60:
		return n >= 10 && n <= 120
	case 85:
		return n == 10 || n == 11
	case 90:
		return n >= 10 && n <= 31
	}
	return false
}

// isSecret tells that the arguments may hold a password or a token.
func (m method) isSecret() bool {
	return m == connectionStartOK || m == connectionSecureOK || m == connectionUpdateSecret
}

// fields reads the arguments of a method. Once one is not there, none is.
type fields struct {
	b   []byte
	bad bool
}

func (f *fields) take(n int) []byte {
	if n < 0 || len(f.b) < n {
		f.bad, f.b = true, nil
		return nil
	}
	v := f.b[:n]
	f.b = f.b[n:]
	return v
}

func (f *fields) octet() uint8 {
	if v := f.take(1); v != nil {
		return v[0]
	}
	return 0
}

func (f *fields) short() uint16 {
	if v := f.take(2); v != nil {
		return binary.BigEndian.Uint16(v)
	}
	return 0
}

func (f *fields) long() uint32 {
	if v := f.take(4); v != nil {
		return binary.BigEndian.Uint32(v)
	}
	return 0
}

func (f *fields) longlong() uint64 {
	if v := f.take(8); v != nil {
		return binary.BigEndian.Uint64(v)
	}
	return 0
}

func (f *fields) shortstr() []byte { return f.take(int(f.octet())) }

func (f *fields) longstr() []byte {
	n := f.long()
	if n > 1<<30 {
		f.bad = true
		return nil
	}
	return f.take(int(n))
}
