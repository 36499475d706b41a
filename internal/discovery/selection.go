// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package discovery

import "slices"

// Candidate is what is known of a process when it is decided upon. Fields that
// could not be found out are empty and match no condition.
type Candidate struct {
	PID         uint32
	UID         uint32 // effective user
	User        string // its name, or its number as text
	Exe         string // path of the executable as its process sees it
	Cmdline     string // arguments joined by spaces
	ContainerID string
	Cgroups     []string // paths as in /proc/PID/cgroup
	Ports       []uint16 // TCP ports that it listens on
}

// Selection decides which processes are observed. The zero value selects all.
// It is read-only once it is in use.
type Selection struct {
	// Targets are tried in order, the first match wins. Without any, every
	// process is selected.
	Targets []*Matcher
	// Exclude beats Targets.
	Exclude []*Matcher
	// Self is the collector's own PID. It is never selected.
	Self uint32
	// Attributes tells which attributes the resources have. Nil means all but
	// process.command_args.
	Attributes func(name string) bool
}

// Decision is the answer for one process.
type Decision struct {
	Selected bool
	// Target is the matcher that selected it. Nil when there are no targets.
	Target *Matcher
}

// ServiceName is the name that the target gives, or empty.
func (d Decision) ServiceName() string {
	if d.Target == nil {
		return ""
	}
	return d.Target.serviceName
}

// Decide answers from what is known. When c.Ports grows, ask again.
func (s *Selection) Decide(c *Candidate) Decision {
	if s.excludes(c) {
		return Decision{}
	}
	if len(s.Targets) == 0 {
		return Decision{Selected: true}
	}
	for _, m := range s.Targets {
		if m.Match(c) {
			return Decision{Selected: true, Target: m}
		}
	}
	return Decision{}
}

// excludes tells that the process must not be observed, whatever its parent is.
func (s *Selection) excludes(c *Candidate) bool {
	if s.Self != 0 && c.PID == s.Self {
		return true
	}
	return slices.ContainsFunc(s.Exclude, func(m *Matcher) bool { return m.Match(c) })
}

// better tells that a comes from an earlier target than b.
func (s *Selection) better(a, b Decision) bool {
	return a.Selected && slices.Index(s.Targets, a.Target) < slices.Index(s.Targets, b.Target)
}

// All tells that a process is selected unless something excludes it.
func (s *Selection) All() bool { return len(s.Targets) == 0 }

// NeedsPorts tells that a decision may depend on the ports of the process.
func (s *Selection) NeedsPorts() bool {
	for _, list := range [][]*Matcher{s.Targets, s.Exclude} {
		for _, m := range list {
			if m.ports != nil {
				return true
			}
		}
	}
	return false
}
