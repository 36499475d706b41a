// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package amqp

// properties are what is looked at of a content header. They point into the frame.
type properties struct {
	size                    int64
	messageID, correlation  []byte
	traceparent, tracestate []byte
	cut                     bool
}

// Bits of the property flags (section 4.2.6.1 of the specification).
const (
	hasContentType     = 1 << 15
	hasContentEncoding = 1 << 14
	hasHeaders         = 1 << 13
	hasDeliveryMode    = 1 << 12
	hasPriority        = 1 << 11
	hasCorrelationID   = 1 << 10
	hasReplyTo         = 1 << 9
	hasExpiration      = 1 << 8
	hasMessageID       = 1 << 7
)

// read reads the payload of a header frame, of which the end may be missing. It tells
// whether it is one.
func (p *properties) read(b []byte, cut bool) bool {
	f := fields{b: b}
	*p = properties{cut: cut}
	class, weight, size := f.short(), f.short(), f.longlong()
	if f.bad || class != 60 || weight != 0 || size > 1<<62 {
		return false
	}
	p.size = int64(size)
	flags := f.short()
	if flags&hasContentType != 0 {
		f.shortstr()
	}
	if flags&hasContentEncoding != 0 {
		f.shortstr()
	}
	if flags&hasHeaders != 0 {
		n := f.long()
		if int64(n) > int64(len(f.b)) {
			p.headers(f.b)
			p.cut = true
			return true
		}
		p.headers(f.take(int(n)))
	}
	if flags&hasDeliveryMode != 0 {
		f.octet()
	}
	if flags&hasPriority != 0 {
		f.octet()
	}
	if flags&hasCorrelationID != 0 {
		p.correlation = f.shortstr()
	}
	if flags&hasReplyTo != 0 {
		f.shortstr()
	}
	if flags&hasExpiration != 0 {
		f.shortstr()
	}
	if flags&hasMessageID != 0 {
		p.messageID = f.shortstr()
	}
	p.cut = p.cut || f.bad
	return true
}

// headers reads a table, at its top level.
func (p *properties) headers(table []byte) {
	f := fields{b: table}
	for len(f.b) > 0 && !f.bad {
		name := f.shortstr()
		v, ok := f.value()
		if !ok {
			return
		}
		switch string(name) {
		case "traceparent":
			p.traceparent = v
		case "tracestate":
			p.tracestate = v
		}
	}
}

// value skips a field value and gives its bytes if it is a string ("Field Table" in
// RabbitMQ's errata).
func (f *fields) value() ([]byte, bool) {
	switch f.octet() {
	case 'S', 'x':
		v := f.longstr()
		return v, !f.bad
	case 't', 'b', 'B':
		f.take(1)
	case 's', 'u':
		f.take(2)
	case 'I', 'i', 'f':
		f.take(4)
	case 'D':
		f.take(5)
	case 'l', 'L', 'd', 'T':
		f.take(8)
	case 'A', 'F':
		f.longstr()
	case 'V':
	default:
		f.bad = true
	}
	return nil, !f.bad
}
