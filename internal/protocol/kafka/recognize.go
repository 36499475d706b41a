// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"encoding/binary"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"
)

// Recognize tells from the first bytes of a direction whether a message starts there, and
// which. A request shows itself by its header; of responses only that to ApiVersions does,
// with which a connection begins. A response with a small correlation id looks like the header
// of a Produce request, so of that more is looked at.
func Recognize(b []byte) (segment.Direction, segment.Verdict) {
	request := requestVerdict(b)
	if request == segment.Yes && API(binary.BigEndian.Uint16(b[4:])) == Produce {
		request = produceVerdict(b)
	}
	switch response := apiVersionsVerdict(b); {
	case request == segment.Yes:
		return segment.Request, segment.Yes
	case response == segment.Yes:
		return segment.Response, segment.Yes
	case response == segment.NeedMore:
		return segment.Request, segment.NeedMore
	}
	return segment.Request, request
}

const (
	maxTimeout       = 3600 * 1000 // of a Produce request, ms
	maxProduceTopics = 1 << 12
)

// produceVerdict looks behind the header of what looks like a Produce request.
func produceVerdict(b []byte) segment.Verdict {
	version := int16(binary.BigEndian.Uint16(b[6:]))
	flexible := version >= flexibleProduce
	c := cursor{b: b, off: requestHeader, left: int64(binary.BigEndian.Uint32(b))}
	c.str(false) // client id
	if flexible && !c.failed() && c.uvarint() != 0 {
		return segment.No // tagged fields, of which none is defined
	}
	if version >= 3 && !c.failed() {
		n := c.length(flexible, false)
		if n == 0 && !c.failed() {
			return segment.No // a transactional id is null or not empty
		}
		if !c.failed() {
			c.take(int(max(n, 0)))
		}
	}
	if !c.failed() {
		if acks := c.i16(); acks < -1 || acks > 1 {
			return segment.No
		}
	}
	if !c.failed() {
		if timeout := c.i32(); timeout < 0 || timeout > maxTimeout {
			return segment.No
		}
	}
	if !c.failed() {
		if topics := c.array(flexible); !c.failed() && (topics < 1 || topics > maxProduceTopics) {
			return segment.No
		}
	}
	if version < idsProduce && !c.failed() {
		if n := c.length(flexible, false); !c.failed() && n < 1 {
			return segment.No
		}
	}
	switch {
	case c.bad:
		return segment.No
	case c.short:
		return segment.NeedMore
	}
	return segment.Yes
}

// maxAPIs bounds the APIs that a broker may name.
const maxAPIs = 200

// apiVersionsVerdict tells whether b begins with a response to ApiVersions without an error,
// whose first entry is that of Produce.
func apiVersionsVerdict(b []byte) segment.Verdict {
	if len(b) < responseHeader+4 {
		if len(b) >= 2 && (b[0] != 0 || b[1] != 0) || len(b) >= 4 && (b[2] >= 0x40 || b[2] == 0 && b[3] < 20) ||
			len(b) >= 10 && (b[8] != 0 || b[9] != 0) {
			return segment.No
		}
		return segment.NeedMore
	}
	size := binary.BigEndian.Uint32(b)
	if size < 20 || size >= 0x4000 || b[8] != 0 || b[9] != 0 { // error code
		return segment.No
	}
	var n, entry int // entries, bytes of one
	rest := b[10:]
	if rest[0] == 0 { // version 0 to 2
		if len(rest) < 4 {
			return segment.NeedMore
		}
		n, entry, rest = int(binary.BigEndian.Uint32(rest)), 6, rest[4:]
	} else {
		v, k := binary.Uvarint(rest[:min(len(rest), 2)])
		if k <= 0 {
			return segment.No
		}
		n, entry, rest = int(v)-1, 7, rest[k:]
	}
	if n < 2 || n > maxAPIs || 6+n*entry > int(size) {
		return segment.No
	}
	if len(rest) < entry {
		for i, c := range rest {
			if i != 3 && i != 5 && c != 0 {
				return segment.No
			}
		}
		return segment.NeedMore
	}
	key, least, most := binary.BigEndian.Uint16(rest), binary.BigEndian.Uint16(rest[2:]), binary.BigEndian.Uint16(rest[4:])
	if key != uint16(Produce) || least > most || most > uint16(apis[Produce].version)+newerVersions || most < 2 || entry == 7 && rest[6] != 0 {
		return segment.No
	}
	return segment.Yes
}
