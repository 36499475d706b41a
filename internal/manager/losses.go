// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package manager

import (
	"time"

	"go.uber.org/zap"

	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// tellEvery is how often losses are told in the log.
const tellEvery = time.Minute

// lossLog tells in the log what was lost: a line for each probe and cause, at
// most once a minute.
type lossLog struct {
	m    *Manager
	told map[*unit][probe.NumCauses]uint64
}

func newLossLog(m *Manager) *lossLog {
	return &lossLog{m: m, told: map[*unit][probe.NumCauses]uint64{}}
}

func (l *lossLog) run() {
	t := time.NewTicker(tellEvery)
	defer t.Stop()
	for {
		select {
		case <-l.m.stopWatch:
			return
		case <-t.C:
			l.tell()
		}
	}
}

// tell logs what was lost since the last call.
func (l *lossLog) tell() {
	for _, u := range l.m.order {
		c, ok := l.m.account(u)
		if !ok {
			continue
		}
		before := l.told[u]
		for cause, n := range c.Lost {
			if n > before[cause] {
				l.m.log.Warn("Events were lost",
					zap.String("probe", u.name),
					zap.Stringer("cause", probe.Cause(cause)),
					zap.Uint64("events", n-before[cause]),
					zap.Uint64("events_seen", c.Seen))
			}
		}
		l.told[u] = c.Lost
	}
}
