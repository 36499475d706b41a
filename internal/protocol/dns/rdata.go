// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package dns

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strconv"
)

// Types of records (IANA "Resource Record (RR) TYPEs").
const (
	typeA     = 1
	typeNS    = 2
	typeCNAME = 5
	typeSOA   = 6
	typePTR   = 12
	typeMX    = 15
	typeTXT   = 16
	typeAAAA  = 28
	typeSRV   = 33
	typeNAPTR = 35
	typeDNAME = 39
	typeOPT   = 41
	typeDS    = 43
	typeSVCB  = 64
	typeHTTPS = 65
	typeSPF   = 99
	typeIXFR  = 251
	typeAXFR  = 252
	typeCAA   = 257
)

// data gives the content of a record, which ends with b, in presentation format: nil when
// its type is not known or it is malformed.
func (d *Decoder) data(b []byte, at int, typ uint16) []byte {
	from := len(d.text)
	ok := len(d.text) < maxText
	rest := b[at:]
	switch {
	case !ok:
	case typ == typeA && len(rest) == 4:
		d.text = netip.AddrFrom4([4]byte(rest)).AppendTo(d.text)
	case typ == typeAAAA && len(rest) == 16:
		d.text = netip.AddrFrom16([16]byte(rest)).AppendTo(d.text)
	case typ == typeNS || typ == typeCNAME || typ == typePTR || typ == typeDNAME:
		_, ok = d.dataName(b, at)
	case typ == typeMX && len(rest) > 2:
		d.number(rest)
		_, ok = d.dataName(b, at+2)
	case typ == typeSRV && len(rest) > 6:
		d.number(rest)
		d.number(rest[2:])
		d.number(rest[4:])
		_, ok = d.dataName(b, at+6)
	case typ == typeTXT || typ == typeSPF:
		ok = d.strings(rest)
	case typ == typeSOA:
		ok = d.soa(b, at)
	case typ == typeCAA && len(rest) > 2 && 2+int(rest[1]) <= len(rest):
		d.text = append(strconv.AppendUint(d.text, uint64(rest[0]), 10), ' ')
		d.text = append(append(d.text, rest[2:2+rest[1]]...), ' ')
		d.quoted(rest[2+rest[1]:])
	case typ == typeSVCB || typ == typeHTTPS:
		ok = len(rest) > 2 && d.binding(b, at)
	default:
		ok = false
	}
	if !ok || len(d.text) == from {
		d.text = d.text[:from]
		return nil
	}
	return d.text[from:len(d.text):len(d.text)]
}

// number appends 16 bits and a blank.
func (d *Decoder) number(b []byte) {
	d.text = append(strconv.AppendUint(d.text, uint64(binary.BigEndian.Uint16(b)), 10), ' ')
}

// dataName appends a name and gives the offset behind it.
func (d *Decoder) dataName(b []byte, at int) (int, bool) {
	// name tells an empty one by what the text ended with: it appends by itself.
	_, end, err := d.name(b, at)
	return end, err == nil
}

// quoted appends a character string.
func (d *Decoder) quoted(s []byte) {
	d.text = append(d.text, '"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			d.text = append(d.text, '\\', c)
		case c < ' ' || c >= 0x7f:
			d.text = append(d.text, '\\', '0'+c/100, '0'+c/10%10, '0'+c%10)
		default:
			d.text = append(d.text, c)
		}
	}
	d.text = append(d.text, '"')
}

// strings appends character strings, each behind its length.
func (d *Decoder) strings(b []byte) bool {
	for i := 0; len(b) > 0; i++ {
		n := 1 + int(b[0])
		if n > len(b) {
			return false
		}
		if i > 0 {
			d.text = append(d.text, ' ')
		}
		d.quoted(b[1:n])
		b = b[n:]
	}
	return true
}

func (d *Decoder) soa(b []byte, at int) bool {
	at, ok := d.dataName(b, at)
	if !ok {
		return false
	}
	d.text = append(d.text, ' ')
	if at, ok = d.dataName(b, at); !ok || len(b) != at+20 {
		return false
	}
	for ; at < len(b); at += 4 {
		d.text = append(d.text, ' ')
		d.text = strconv.AppendUint(d.text, uint64(binary.BigEndian.Uint32(b[at:])), 10)
	}
	return true
}

// Keys of service bindings (RFC 9460 section 14.3.2).
const (
	keyMandatory = iota
	keyALPN
	keyNoDefaultALPN
	keyPort
	keyIPv4Hint
	keyECH
	keyIPv6Hint
)

// binding appends a service binding (RFC 9460 section 2.1).
func (d *Decoder) binding(b []byte, at int) bool {
	d.number(b[at:])
	at, ok := d.dataName(b, at+2)
	for ok && len(b)-at >= 4 {
		key, size := binary.BigEndian.Uint16(b[at:]), int(binary.BigEndian.Uint16(b[at+2:]))
		at += 4
		if len(b)-at < size {
			return false
		}
		d.text = append(d.text, ' ')
		ok = d.parameter(key, b[at:at+size])
		at += size
	}
	return ok && at == len(b)
}

func (d *Decoder) parameter(key uint16, v []byte) bool {
	switch key {
	case keyMandatory:
		d.text = append(d.text, "mandatory="...)
		for i := 0; i+1 < len(v); i += 2 {
			d.comma(i)
			d.key(binary.BigEndian.Uint16(v[i:]))
		}
		return len(v)%2 == 0
	case keyALPN:
		d.text = append(d.text, "alpn="...)
		for i := 0; len(v) > 0; i++ {
			n := 1 + int(v[0])
			if n > len(v) {
				return false
			}
			d.comma(i)
			d.text = appendLabel(d.text, v[1:n])
			v = v[n:]
		}
	case keyPort:
		if len(v) != 2 {
			return false
		}
		d.text = strconv.AppendUint(append(d.text, "port="...), uint64(binary.BigEndian.Uint16(v)), 10)
	case keyIPv4Hint:
		d.text = append(d.text, "ipv4hint="...)
		for i := 0; i+4 <= len(v); i += 4 {
			d.comma(i)
			d.text = netip.AddrFrom4([4]byte(v[i:])).AppendTo(d.text)
		}
		return len(v)%4 == 0
	case keyIPv6Hint:
		d.text = append(d.text, "ipv6hint="...)
		for i := 0; i+16 <= len(v); i += 16 {
			d.comma(i)
			d.text = netip.AddrFrom16([16]byte(v[i:])).AppendTo(d.text)
		}
		return len(v)%16 == 0
	case keyECH:
		d.text = base64.StdEncoding.AppendEncode(append(d.text, "ech="...), v)
	default:
		d.key(key)
		if len(v) > 0 {
			d.text = hex.AppendEncode(append(d.text, "=0x"...), v)
		}
	}
	return true
}

func (d *Decoder) comma(i int) {
	if i > 0 {
		d.text = append(d.text, ',')
	}
}

func (d *Decoder) key(k uint16) {
	names := [...]string{"mandatory", "alpn", "no-default-alpn", "port", "ipv4hint", "ech", "ipv6hint"}
	if int(k) < len(names) {
		d.text = append(d.text, names[k]...)
		return
	}
	d.text = strconv.AppendUint(append(d.text, "key"...), uint64(k), 10)
}
