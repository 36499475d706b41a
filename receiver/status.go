// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
)

// status tells the component status of an instance to the hosts of all its
// signals: to the collector they are several components.
type status struct {
	mu     sync.Mutex
	hosts  []component.Host
	last   *componentstatus.Event
	closed bool
}

// join adds a host and tells it how things stand.
func (s *status) join(host component.Host) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hosts = append(s.hosts, host)
	if s.last != nil && !s.closed {
		componentstatus.ReportStatus(host, s.last)
	}
}

// report passes on what differs from the last report. After close it does
// nothing: from then on the collector itself tells the status.
func (s *status) report(event *componentstatus.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.last != nil && same(s.last, event) {
		return
	}
	s.last = event
	for _, host := range s.hosts {
		componentstatus.ReportStatus(host, event)
	}
}

func (s *status) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}

func same(a, b *componentstatus.Event) bool {
	if a.Status() != b.Status() || (a.Err() == nil) != (b.Err() == nil) {
		return false
	}
	return a.Err() == nil || a.Err().Error() == b.Err().Error()
}
