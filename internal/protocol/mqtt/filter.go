// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package mqtt

import (
	"bytes"
	"encoding/binary"
)

// filter is a subscription with wildcards, or a shared one.
type filter struct {
	whole, topic, group []byte
	wild                bool
}

// subscribe reads a SUBSCRIBE, or with remove an UNSUBSCRIBE.
func (p *Parser) subscribe(b []byte, remove bool) {
	if len(b) < 2 {
		return
	}
	b = b[2:]
	switch p.version {
	case version5:
		n, k := varint(b)
		if k <= 0 || int64(len(b)-k) < n {
			return
		}
		b = b[int64(k)+n:]
	case versionUnknown:
		return
	}
	for len(b) >= 2 {
		n := int(binary.BigEndian.Uint16(b))
		if len(b) < 2+n {
			return
		}
		whole := b[2 : 2+n]
		b = b[2+n:]
		if remove {
			p.forget(whole)
			continue
		}
		if len(b) == 0 {
			return
		}
		b = b[1:] // options
		if validText(whole, true) {
			p.remember(whole)
		}
	}
}

// remember keeps a filter that says more than a topic's name.
func (p *Parser) remember(whole []byte) {
	f := filter{whole: whole, topic: whole}
	if rest, ok := bytes.CutPrefix(whole, []byte("$share/")); ok {
		if f.group, f.topic, ok = bytes.Cut(rest, []byte{'/'}); !ok {
			return
		}
	}
	f.wild = bytes.ContainsAny(f.topic, "+#")
	if !f.wild && f.group == nil {
		return
	}
	p.forget(whole)
	if len(p.filters) >= p.cfg.maxFilters {
		p.cfg.stats.FiltersNotKept++
		return
	}
	f.whole, f.topic, f.group = bytes.Clone(whole), bytes.Clone(f.topic), bytes.Clone(f.group)
	p.filters = append(p.filters, f)
}

func (p *Parser) forget(whole []byte) {
	for i := range p.filters {
		if bytes.Equal(p.filters[i].whole, whole) {
			p.filters = append(p.filters[:i], p.filters[i+1:]...)
			return
		}
	}
}

// match gives the only filter that a topic matches, or nil.
func (p *Parser) match(topic []byte) (found *filter) {
	for i := range p.filters {
		if f := &p.filters[i]; matches(f.topic, topic) {
			if found != nil {
				return nil
			}
			found = f
		}
	}
	return found
}

// matches follows section 4.7 of MQTT 5.0.
func matches(filter, topic []byte) bool {
	if len(topic) > 0 && topic[0] == '$' && len(filter) > 0 && filter[0] != '$' {
		return false
	}
	for {
		f, filterRest, filterMore := bytes.Cut(filter, []byte{'/'})
		if string(f) == "#" {
			return true
		}
		t, topicRest, topicMore := bytes.Cut(topic, []byte{'/'})
		if string(f) != "+" && !bytes.Equal(f, t) {
			return false
		}
		if !topicMore {
			return !filterMore || string(filterRest) == "#"
		}
		if !filterMore {
			return false
		}
		filter, topic = filterRest, topicRest
	}
}
