// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package tls

const (
	// firstHasty is how many processes of an executable are looked at in haste, one after another.
	firstHasty = 4
	// hastyEvery is when another one is, ns: it may map other files than those before.
	hastyEvery = 1e9
	// mostHasty bounds those of all executables in hastyEvery. Each costs up to five looks at what a
	// process maps, of some 100 µs.
	mostHasty = 40
	// maxExecutables bounds those that are told apart, at some 100 kB.
	maxExecutables = 1024
)

// haste decides whose libraries are looked for as soon as they may be there. What the first
// processes of an executable map stays attached for a while, so that the next ones need not be
// looked at while they begin.
type haste struct {
	executables map[string]*turns
	since       uint64
	n           int
}

type turns struct {
	n    int
	last uint64
}

// allows tells whether a process that calls exec now (boot time, ns) is looked at in haste.
func (h *haste) allows(executable string, now uint64) bool {
	if now >= h.since+hastyEvery {
		h.since, h.n = now, 0
	}
	if h.n >= mostHasty {
		return false
	}
	t := h.executables[executable]
	if t == nil {
		if h.executables == nil || len(h.executables) >= maxExecutables {
			h.executables = map[string]*turns{}
		}
		t = &turns{}
		h.executables[executable] = t
	}
	if t.n >= firstHasty && now < t.last+hastyEvery {
		return false
	}
	t.n++
	t.last = now
	h.n++
	return true
}
