// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"strings"

	"golang.org/x/net/http2/hpack"
)

// field names what a header field means to an exchange.
type field uint8

const (
	fieldOther field = iota // at most captured
	fieldMethod
	fieldScheme
	fieldAuthority
	fieldPath
	fieldProtocol
	fieldStatus
	fieldHost
	fieldUserAgent
	fieldTraceparent
	fieldTracestate
	fieldB3
	fieldB3TraceID
	fieldB3SpanID
	fieldB3ParentSpanID
	fieldB3Sampled
	fieldB3Flags
	fieldGRPCTraceBin
	fieldContentType
	fieldGRPCStatus
	fieldGRPCMessage
)

var fieldNames = [...]string{
	fieldMethod: ":method", fieldScheme: ":scheme", fieldAuthority: ":authority", fieldPath: ":path",
	fieldProtocol: ":protocol", fieldStatus: ":status", fieldHost: "host", fieldUserAgent: "user-agent",
	fieldTraceparent: "traceparent", fieldTracestate: "tracestate", fieldB3: "b3", fieldB3TraceID: "x-b3-traceid",
	fieldB3SpanID: "x-b3-spanid", fieldB3ParentSpanID: "x-b3-parentspanid", fieldB3Sampled: "x-b3-sampled",
	fieldB3Flags: "x-b3-flags", fieldGRPCTraceBin: "grpc-trace-bin", fieldContentType: "content-type",
	fieldGRPCStatus: "grpc-status", fieldGRPCMessage: "grpc-message",
}

func (f field) pseudo() bool { return f >= fieldMethod && f <= fieldStatus }

// nameID is an index into nameSet.list.
type nameID int16

const (
	nameUnwanted nameID = 0  // a known name whose values are of no interest
	nameUnknown  nameID = -1 // a name that was never seen
)

type wantedName struct {
	name    string
	code    string // the name by Huffman's code, for which there is but one
	field   field
	capture [2][]int // indexes into the headers to capture, by direction
}

// nameSet holds the names whose values are read; longer names share the last bucket.
type nameSet struct {
	list  []wantedName
	byLen [32][]nameID
	// byCodeLen has the same by the length of the code.
	byCodeLen [32][]nameID
}

func newNameSet(o *Options) nameSet {
	s := nameSet{list: make([]wantedName, 1)}
	for f, name := range fieldNames {
		if name != "" && (field(f) != fieldGRPCMessage || o.GRPCMessage) {
			s.list[s.add(name)].field = field(f)
		}
	}
	for d, names := range [2][]string{o.RequestHeaders, o.ResponseHeaders} {
		for i, name := range names {
			if name != "" {
				w := &s.list[s.add(strings.ToLower(name))]
				w.capture[d] = append(w.capture[d], i)
			}
		}
	}
	return s
}

func (s *nameSet) add(name string) nameID {
	if id := s.find([]byte(name)); id != nameUnwanted {
		return id
	}
	id := nameID(len(s.list))
	code := string(hpack.AppendHuffmanString(nil, name))
	s.list = append(s.list, wantedName{name: name, code: code})
	k := min(len(name), len(s.byLen)-1)
	s.byLen[k] = append(s.byLen[k], id)
	k = min(len(code), len(s.byCodeLen)-1)
	s.byCodeLen[k] = append(s.byCodeLen[k], id)
	return id
}

// findCode knows names by Huffman's code.
func (s *nameSet) findCode(code []byte) nameID {
	for _, id := range s.byCodeLen[min(len(code), len(s.byCodeLen)-1)] {
		if s.list[id].code == string(code) {
			return id
		}
	}
	return nameUnwanted
}

// find knows names as HTTP/2 sends them, in lower case.
func (s *nameSet) find(name []byte) nameID {
	for _, id := range s.byLen[min(len(name), len(s.byLen)-1)] {
		if s.list[id].name == string(name) {
			return id
		}
	}
	return nameUnwanted
}
