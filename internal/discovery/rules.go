// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Rules say which protocols the processes of a target speak. Protocols are known here by
// the numbers that the kernel side gives them, from 1 to 15.
type Rules struct {
	// Forbidden has a bit for each protocol that is not looked for.
	Forbidden uint32
	// Forced gives the protocol of connections by the server's TCP port.
	Forced map[uint16]uint8
}

// maxForced bounds the ports of all targets together: each is an entry of a map in the
// kernel.
const maxForced = 4096

var errPorts = fmt.Errorf("there are more than %d ports", maxForced)

// Force adds the ports of a list as in "8000-8999,443".
func (r *Rules) Force(ports string, protocol uint8) error {
	if ports == "" {
		return errors.New("needs ports")
	}
	ranges, err := parsePorts(ports)
	if err != nil {
		return err
	}
	if r.Forced == nil {
		r.Forced = map[uint16]uint8{}
	}
	for _, span := range ranges {
		for p := int(span.low); p <= int(span.high); p++ {
			if other, ok := r.Forced[uint16(p)]; ok && other != protocol {
				return fmt.Errorf("port %d speaks two protocols", p)
			}
			if r.Forced[uint16(p)] = protocol; len(r.Forced) > maxForced {
				return errPorts
			}
		}
	}
	return nil
}

// Rule is one of them as the kernel knows it: for port 0 Value has the bits of what is
// forbidden, else it is the protocol.
type Rule struct {
	Target uint32
	Port   uint16
	Value  uint32
}

// Rules lists those of all targets. Its error is that there are too many.
func (s *Selection) Rules() (list []Rule, err error) {
	for _, m := range s.Targets {
		n := s.number(m)
		if n == 0 {
			continue
		}
		if m.rules.Forbidden != 0 {
			list = append(list, Rule{n, 0, m.rules.Forbidden})
		}
		for _, port := range slices.Sorted(maps.Keys(m.rules.Forced)) {
			list = append(list, Rule{n, port, uint32(m.rules.Forced[port])})
		}
	}
	if len(list) > maxForced {
		return nil, errPorts
	}
	return list, nil
}

// number is that of a target with rules, 0 of any other.
func (s *Selection) number(m *Matcher) uint32 {
	if m == nil || m.rules == nil {
		return 0
	}
	return uint32(slices.Index(s.Targets, m) + 1)
}

// Number is that by which [Selection.Rules] knows the decision's target, 0 when it has none.
func (s *Selection) Number(d Decision) uint32 { return s.number(d.Target) }

// forbidden are the protocols that the decision's target forbids.
func (d Decision) forbidden() uint32 {
	if d.Target == nil || d.Target.rules == nil {
		return 0
	}
	return d.Target.rules.Forbidden
}
