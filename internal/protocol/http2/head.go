// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http2

// head takes the fields of one header block. It is reused.
type head struct {
	st      *stream   // where values go, nil to keep none
	of      Direction // whose fields they are: of a request or of a response
	most    int       // length that st.buf may grow to
	unknown uint32

	begun, pseudo, status bool // a field, a pseudo-header field, a :status was seen
	trailers              bool
	trailersKnown         bool // that it is trailers, or that it is not
	interim               bool
}

// keepIn says which stream keeps the values of this header block, as far as there is room.
func (h *head) keepIn(c *Config, st *stream, kept int) {
	h.st, h.most = st, len(st.buf)+min(c.maxHeader, openHeads*c.maxHeader-kept)
}

func (h *head) unknownField(c *Config) {
	c.stats.UnknownFields++
	h.unknown++
	h.begun = true
}

// field takes a field whose name is known. Pseudo-header fields stand before all others
// (RFC 9113 section 8.3), and trailers have none.
func (h *head) field(c *Config, name nameID, v []byte) {
	w := &c.names.list[name]
	f := w.field
	pseudo := f.pseudo()
	if !h.begun {
		h.begun = true
		if !h.trailersKnown {
			h.trailers, h.trailersKnown = !pseudo, true
		}
	}
	h.pseudo = h.pseudo || pseudo
	if name == nameUnwanted || h.interim {
		return
	}
	if f == fieldStatus {
		h.statusField(v)
		return
	}
	st := h.st
	if st == nil || h.trailers && (h.of == Request || f < fieldGRPCStatus) {
		return
	}
	captures := w.capture[h.of]
	if len(st.buf)+len(v)*(1+len(captures)) > h.most {
		c.stats.HeadersNotKept++
		return
	}
	if h.of == Request {
		h.requestField(f, v)
	} else {
		h.responseField(f, v)
	}
	if len(captures) > 0 && !h.trailers {
		h.capture(c, captures, v)
	}
}

func (h *head) capture(c *Config, indexes []int, v []byte) {
	st := h.st
	for _, index := range indexes {
		if len(st.captured) >= maxCaptured {
			c.stats.HeadersNotKept++
			return
		}
		st.captured = append(st.captured, captured{st.put(v), int32(index), h.of})
	}
}

func (h *head) statusField(v []byte) {
	code, ok := parseDecimal(v, 1000)
	if !ok || len(v) != 3 || code < 100 || h.of == Request || h.trailers {
		return
	}
	h.status, h.interim = true, code < 200
	if st := h.st; st != nil && !h.interim {
		if st.headSeen {
			st.dropResponseHead()
		}
		st.status, st.statusKnown = uint16(code), true
	}
}

func (h *head) requestField(f field, v []byte) {
	st := h.st
	switch f {
	case fieldOther, fieldGRPCStatus, fieldGRPCMessage:
	case fieldTraceparent:
		st.setSame(value(f), v)
	case fieldTracestate:
		st.join(value(f), v)
	case fieldMethod:
		st.connect = string(v) == "CONNECT"
		st.setOnce(value(f), v)
	case fieldContentType:
		st.grpc = st.grpc || isGRPC(v)
		st.setOnce(value(f), v)
	default:
		st.setOnce(value(f), v)
	}
}

func (h *head) responseField(f field, v []byte) {
	st := h.st
	switch f {
	case fieldContentType:
		st.grpc = st.grpc || isGRPC(v)
		st.setOnce(valResponseContentType, v)
	case fieldGRPCStatus:
		if code, ok := parseDecimal(v, 1<<31); ok {
			st.grpc, st.grpcStatus, st.grpcStatusKnown = true, code, true
		}
	case fieldGRPCMessage:
		st.setOnce(valGRPCMessage, v)
	}
}
