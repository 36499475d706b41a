// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import "github.com/ebpfreceiver/ebpfreceiver/receiver/probe"

// maxExporters bounds the processes that are known to export spans.
const maxExporters = 4096

// role is what a process was seen to do with OTLP.
type role uint8

const (
	exports  role = 1 << iota
	forwards      // it takes spans of others, so what it exports need not be its own
)

// Exporters are processes that export spans by themselves. What they would be seen to
// do their own instrumentation tells already.
type Exporters struct {
	// Keep makes spans of them all the same.
	Keep  bool
	known map[*probe.ProcessInfo]role
}

// Has tells whether the process's spans are left to it.
func (e *Exporters) Has(p *probe.ProcessInfo) bool {
	return len(e.known) > 0 && !e.Keep && e.known[p] == exports
}

// Sent notes that the process exported spans. It returns true when its spans are left to
// it from now on.
func (e *Exporters) Sent(p *probe.ProcessInfo) bool {
	before := e.Has(p)
	e.note(p, exports)
	return !before && e.Has(p)
}

// Received notes that the process took spans that another one exported.
func (e *Exporters) Received(p *probe.ProcessInfo) { e.note(p, forwards) }

func (e *Exporters) note(p *probe.ProcessInfo, r role) {
	if e.known == nil {
		e.known = map[*probe.ProcessInfo]role{}
	}
	if _, ok := e.known[p]; !ok && len(e.known) >= maxExporters {
		clear(e.known) // who is still there exports again soon
	}
	e.known[p] |= r
}
