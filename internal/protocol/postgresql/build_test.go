// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package postgresql

import (
	"encoding/binary"
	"strings"
)

// Builders of messages.

func msg(typ byte, body string) string {
	return string(binary.BigEndian.AppendUint32([]byte{typ}, uint32(len(body)+4))) + body
}

func u16(n int) string { return string(binary.BigEndian.AppendUint16(nil, uint16(n))) }
func u32(n int) string { return string(binary.BigEndian.AppendUint32(nil, uint32(n))) }

const (
	syncNow  = "S\x00\x00\x00\x04"
	flush    = "H\x00\x00\x00\x04"
	parsed   = "1\x00\x00\x00\x04"
	bound    = "2\x00\x00\x00\x04"
	closed   = "3\x00\x00\x00\x04"
	noData   = "n\x00\x00\x00\x04"
	suspend  = "s\x00\x00\x00\x04"
	emptyEnd = "I\x00\x00\x00\x04"
	authOK   = "R\x00\x00\x00\x08\x00\x00\x00\x00"
	ssl      = "\x00\x00\x00\x08\x04\xd2\x16\x2f"
)

func startup(kv ...string) string {
	body := u32(3<<16) + strings.Join(kv, "\x00") + "\x00\x00"
	return u32(len(body)+4) + body
}

func query(q string) string             { return msg('Q', q+"\x00") }
func parse(name, q string) string       { return msg('P', name+"\x00"+q+"\x00"+u16(0)) }
func describe(k byte, n string) string  { return msg('D', string(k)+n+"\x00") }
func closeName(k byte, n string) string { return msg('C', string(k)+n+"\x00") }
func execute(portal string, rows int) string {
	return msg('E', portal+"\x00"+u32(rows))
}

func bind(portal, statement string, values ...string) string {
	return msg('B', portal+"\x00"+statement+"\x00"+u16(0)+counted(values)+u16(0))
}

func function(oid int, arg string) string {
	if arg == "" {
		return msg('F', u32(oid)+u16(0)+u16(0)+u16(0))
	}
	return msg('F', u32(oid)+u16(0)+u16(1)+u32(len(arg))+arg+u16(0))
}

func ready(status byte) string   { return msg('Z', string(status)) }
func complete(tag string) string { return msg('C', tag+"\x00") }
func failure(code string) string {
	return msg('E', "SERROR\x00VERROR\x00C"+code+"\x00Mno\x00\x00")
}

func columns(names ...string) string {
	var b strings.Builder
	b.WriteString(u16(len(names)))
	for _, n := range names {
		b.WriteString(n + "\x00" + u32(0) + u16(0) + u32(25) + u16(65535) + u32(-1) + u16(0))
	}
	return msg('T', b.String())
}

// counted is a list of values with its length and theirs.
func counted(values []string) string {
	var b strings.Builder
	b.WriteString(u16(len(values)))
	for _, v := range values {
		b.WriteString(u32(len(v)) + v)
	}
	return b.String()
}

func row(values ...string) string {
	return msg('D', counted(values))
}
