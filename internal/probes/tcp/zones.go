// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package tcp

import (
	"errors"
	"fmt"
	"net/netip"
)

// network is one CIDR of a zone.
type network struct {
	prefix netip.Prefix
	zone   string
}

// networks parses the zones, in their order.
func (c *Config) networks() ([]network, error) {
	var all []network
	var errs []error
	for i, z := range c.Zones {
		if z.Name == "" {
			errs = append(errs, fmt.Errorf("zones::%d: a zone needs a name", i))
		}
		if len(z.CIDRs) == 0 {
			errs = append(errs, fmt.Errorf("zones::%d: a zone needs cidrs", i))
		}
		for _, text := range z.CIDRs {
			prefix, err := netip.ParsePrefix(text)
			if err != nil {
				errs = append(errs, fmt.Errorf("zones::%d: %q is no network as 10.0.0.0/8 is: %w", i, text, err))
				continue
			}
			all = append(all, network{prefix.Masked(), z.Name})
		}
	}
	return all, errors.Join(errs...)
}

// zoneOf is the name of the first zone that holds the address, or empty.
func zoneOf(networks []network, a netip.Addr) string {
	for _, n := range networks {
		if n.prefix.Contains(a) {
			return n.zone
		}
	}
	return ""
}
