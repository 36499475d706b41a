// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package sql

// opaque is a reason for which nothing more is known of connections, with their number.
type opaque struct {
	why string
	n   uint64
}

// tellOpaque says once of each reason that there are such connections: of what is done there
// nothing is counted, not even how much it was.
func (p *instrument) tellOpaque() {
	for _, side := range p.sides {
		for _, o := range side.opaque() {
			if o.n > 0 && !p.told[o.why] {
				p.told[o.why] = true
				p.logger.Info("Nothing is known of what connections to databases do that are " + o.why)
			}
		}
	}
}
