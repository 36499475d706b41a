// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package object

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
)

// AttachConfig completes or replaces what the section's name says of where a program
// attaches.
type AttachConfig struct {
	// To replaces the target that the section names: a function, a tracepoint as in
	// "sched/sched_switch", an iterator, or a pattern of functions.
	To string `mapstructure:"to"`
	// Path is the executable or library of a uprobe or USDT, absolute or the name of a library
	// as in "libc.so.6".
	Path string `mapstructure:"path"`
	// Selected attaches a uprobe or USDT to the files of the selected processes, as they see
	// them, also in containers. Path is then a path in there, or the pattern of a name, as
	// "libssl.so*"; without it, it is the executable.
	Selected bool `mapstructure:"selected"`
	// Symbols are functions in it. Offset is added to each.
	Symbols []string `mapstructure:"symbols"`
	Offset  uint64   `mapstructure:"offset"`
	// PID restricts a uprobe or USDT to one process.
	PID int `mapstructure:"pid"`
	// Provider and Probe name a USDT probe.
	Provider string `mapstructure:"provider"`
	Probe    string `mapstructure:"probe"`
	// Frequency is how often a perf event calls its program on each CPU, in Hz. The default
	// is 99. Period is the time between two calls, in ns; it is an alternative.
	Frequency uint64 `mapstructure:"frequency"`
	Period    uint64 `mapstructure:"period"`
	// Cgroup is the control group, an absolute path. The default is the root of version 2.
	Cgroup string `mapstructure:"cgroup"`
	// Interfaces are network interfaces of XDP, TCX and socket filters.
	Interfaces []string `mapstructure:"interfaces"`
	// Mode is "generic" or "driver" for XDP; the default is the kernel's choice.
	Mode string `mapstructure:"mode"`
	// Direction is "ingress" or "egress" for a program of the section "tc".
	Direction string `mapstructure:"direction"`
	// Hook is where in the way of packets a netfilter program is called, as "local_in", and
	// Families are the protocols, "ipv4", "ipv6"; the default is both.
	Hook     string   `mapstructure:"hook"`
	Families []string `mapstructure:"families"`
	// Map is the map of sockets of a sk_msg program, or that of an iterator over a map.
	Map string `mapstructure:"map"`
}

// Validate checks what can be checked without the object.
func (a *AttachConfig) Validate() error {
	errs := []error{
		oneOf("mode", a.Mode, "generic", "driver"),
		oneOf("direction", a.Direction, "ingress", "egress"),
		oneOf("hook", a.Hook, "pre_routing", "local_in", "forward", "local_out", "post_routing"),
	}
	for _, f := range a.Families {
		errs = append(errs, oneOf("families", f, "ipv4", "ipv6"))
	}
	if a.Cgroup != "" && !filepath.IsAbs(a.Cgroup) {
		errs = append(errs, fmt.Errorf("cgroup: %q is not absolute", a.Cgroup))
	}
	if a.Frequency != 0 && a.Period != 0 {
		errs = append(errs, errors.New("frequency and period exclude each other"))
	}
	if a.Frequency > 10_000 {
		errs = append(errs, errors.New("frequency: more than 10000 Hz costs the observed programs too much"))
	}
	if a.Period != 0 && a.Period < 100_000 {
		errs = append(errs, errors.New("period: less than 100000 ns costs the observed programs too much"))
	}
	if a.Selected && a.PID != 0 {
		errs = append(errs, errors.New("selected and pid exclude each other"))
	}
	if _, err := path.Match(a.Path, ""); a.Selected && err != nil {
		errs = append(errs, fmt.Errorf("path: the pattern %q: %w", a.Path, err))
	}
	if (a.Provider == "") != (a.Probe == "") {
		errs = append(errs, errors.New("provider and probe belong together"))
	}
	return errors.Join(errs...)
}

// keys are the keys that are set.
func (a *AttachConfig) keys() []string {
	set := map[string]bool{
		"to": a.To != "", "path": a.Path != "", "symbols": len(a.Symbols) > 0, "offset": a.Offset != 0, "pid": a.PID != 0,
		"provider": a.Provider != "", "probe": a.Probe != "", "frequency": a.Frequency != 0, "period": a.Period != 0,
		"cgroup": a.Cgroup != "", "interfaces": len(a.Interfaces) > 0, "mode": a.Mode != "", "direction": a.Direction != "",
		"map": a.Map != "", "selected": a.Selected,
		"hook": a.Hook != "", "families": len(a.Families) > 0,
	}
	var keys []string
	for _, key := range slices.Sorted(maps.Keys(set)) {
		if set[key] {
			keys = append(keys, key)
		}
	}
	return keys
}

// hookKind is how a program attaches.
type hookKind uint8

const (
	hookNone hookKind = iota
	hookTracing
	hookIter
	hookLSM
	hookRawTrace
	hookTracepoint
	hookKprobe
	hookKprobeMulti
	hookUprobe
	hookUprobeMulti
	hookUSDT
	hookPerf
	hookCgroup
	hookSkMsg
	hookTCX
	hookXDP
	hookSocket
	hookNetfilter
)

// word is the first part of a section's name, as in "uretprobe".
func word(p *ebpf.ProgramSpec) string {
	w, _, _ := strings.Cut(strings.TrimPrefix(p.SectionName, "?"), "/")
	return strings.TrimSuffix(w, ".s")
}

// isReturn tells whether a probe of a function is for its return.
func isReturn(p *ebpf.ProgramSpec) bool {
	w := word(p)
	return strings.HasPrefix(w, "kretprobe") || strings.HasPrefix(w, "uretprobe") || w == "kretsyscall"
}

// kindOfHook tells how a program attaches, by its type and section.
func kindOfHook(p *ebpf.ProgramSpec) hookKind {
	switch p.Type {
	case ebpf.Tracing:
		if p.AttachType == ebpf.AttachTraceIter {
			return hookIter
		}
		return hookTracing
	case ebpf.LSM:
		if p.AttachType == ebpf.AttachLSMCgroup {
			return hookCgroup
		}
		return hookLSM
	case ebpf.RawTracepoint, ebpf.RawTracepointWritable:
		return hookRawTrace
	case ebpf.TracePoint:
		return hookTracepoint
	case ebpf.Kprobe:
		switch w := word(p); {
		case w == "usdt":
			return hookUSDT
		case strings.HasPrefix(w, "uprobe.session"):
			return hookNone // the library has no such links
		case strings.HasPrefix(w, "uprobe.") || strings.HasPrefix(w, "uretprobe."):
			return hookUprobeMulti
		case w == "uprobe", w == "uretprobe":
			return hookUprobe
		case strings.Contains(w, "."):
			return hookKprobeMulti
		}
		return hookKprobe
	case ebpf.PerfEvent:
		return hookPerf
	case ebpf.CGroupSKB, ebpf.CGroupSock, ebpf.CGroupSockAddr, ebpf.CGroupSockopt, ebpf.CGroupSysctl, ebpf.CGroupDevice, ebpf.SockOps:
		return hookCgroup
	case ebpf.SkMsg:
		return hookSkMsg
	case ebpf.SchedCLS:
		if p.AttachType == ebpf.AttachNetkitPrimary || p.AttachType == ebpf.AttachNetkitPeer {
			return hookNone
		}
		return hookTCX
	case ebpf.Netfilter:
		return hookNetfilter
	case ebpf.XDP:
		if p.AttachType == ebpf.AttachXDPCPUMap || p.AttachType == ebpf.AttachXDPDevMap {
			return hookNone // another program calls them
		}
		return hookXDP
	case ebpf.SocketFilter:
		return hookSocket
	}
	return hookNone
}

// keysOf are the keys that mean something for a kind of hooks.
func keysOf(k hookKind) []string {
	switch k {
	case hookTracing, hookLSM, hookRawTrace, hookTracepoint, hookKprobeMulti:
		return []string{"to"}
	case hookKprobe:
		return []string{"to", "offset"}
	case hookIter:
		return []string{"to", "map"}
	case hookUprobe, hookUprobeMulti:
		return []string{"path", "selected", "symbols", "offset", "pid"}
	case hookUSDT:
		return []string{"path", "selected", "provider", "probe", "pid"}
	case hookPerf:
		return []string{"frequency", "period"}
	case hookCgroup:
		return []string{"cgroup"}
	case hookSkMsg:
		return []string{"map"}
	case hookTCX:
		return []string{"interfaces", "direction"}
	case hookXDP:
		return []string{"interfaces", "mode"}
	case hookSocket:
		return []string{"interfaces"}
	case hookNetfilter:
		return []string{"hook", "families"}
	}
	return nil
}

// checkAttach tells whether it is known where a program attaches.
func checkAttach(p *ebpf.ProgramSpec, a AttachConfig, spec *ebpf.CollectionSpec) error {
	kind := kindOfHook(p)
	if kind == hookNone {
		return fmt.Errorf("programs of the type %s and the section %q cannot be attached here", p.Type, p.SectionName)
	}
	for _, key := range a.keys() {
		if !slices.Contains(keysOf(kind), key) {
			return fmt.Errorf("%s: it means nothing for a program of the section %q; what does is %s", key, p.SectionName, strings.Join(keysOf(kind), ", "))
		}
	}
	missing := func(format string, args ...any) error {
		return fmt.Errorf("its section %q does not say "+format, append([]any{p.SectionName}, args...)...)
	}
	switch kind {
	case hookTracing, hookLSM, hookRawTrace, hookKprobe, hookKprobeMulti:
		if p.AttachTo == "" {
			return missing("where it attaches: name a function or tracepoint with to")
		}
	case hookTracepoint:
		if !strings.Contains(p.AttachTo, "/") {
			return missing("where it attaches: name a tracepoint with to, as in sched/sched_switch")
		}
	case hookUprobe, hookUprobeMulti:
		if _, err := uprobeTarget(p, &a); err != nil {
			return err
		}
	case hookUSDT:
		if _, err := usdtTarget(p, &a); err != nil {
			return err
		}
	case hookTCX:
		if p.AttachType == ebpf.AttachNone && a.Direction == "" {
			return missing("the direction: name it with direction, ingress or egress")
		}
		fallthrough
	case hookXDP, hookSocket:
		if len(a.Interfaces) == 0 {
			return missing("the network interface: name some with interfaces")
		}
	case hookNetfilter:
		if a.Hook == "" {
			return missing("where packets are seen: name a place with hook, as local_in")
		}
	case hookSkMsg:
		m := spec.Maps[a.Map]
		if m == nil || m.Type != ebpf.SockMap && m.Type != ebpf.SockHash {
			return missing("the map of sockets: name one of the type SockMap or SockHash with map")
		}
	case hookIter:
		if p.AttachTo == "" {
			return missing("over what it iterates: name it with to")
		}
		if a.Map != "" && spec.Maps[a.Map] == nil {
			return fmt.Errorf("map: the object has no map %q", a.Map)
		}
	}
	return nil
}

// place is a probe's place in a file.
type place struct {
	path    string
	symbols []string
	offset  uint64
}

// uprobeTarget says where a uprobe attaches, as in "uprobe/libc.so.6:malloc+4".
func uprobeTarget(p *ebpf.ProgramSpec, a *AttachConfig) (place, error) {
	t := place{path: a.Path, symbols: a.Symbols, offset: a.Offset}
	file, symbol, ok := cutLast(p.AttachTo, ":")
	if ok {
		name, offset, hasOffset := strings.Cut(symbol, "+")
		if t.path == "" {
			t.path = file
		}
		if len(t.symbols) == 0 {
			t.symbols = []string{name}
		}
		if hasOffset && t.offset == 0 {
			if _, err := fmt.Sscan(offset, &t.offset); err != nil {
				return t, fmt.Errorf("its section %q has the offset %q, which is no number", p.SectionName, offset)
			}
		}
	}
	switch {
	case t.path == "" && !a.Selected:
		return t, fmt.Errorf("its section %q does not say in which executable or library it attaches: name one with path, or those of the selected processes with selected", p.SectionName)
	case len(t.symbols) == 0:
		return t, fmt.Errorf("its section %q does not say to which functions it attaches: name some with symbols", p.SectionName)
	}
	return t, nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// usdtName names a USDT probe.
type usdtName struct{ path, provider, probe string }

// usdtTarget says where a USDT program attaches, as in "usdt/libc.so.6:libc:setjmp".
func usdtTarget(p *ebpf.ProgramSpec, a *AttachConfig) (usdtName, error) {
	t := usdtName{a.Path, a.Provider, a.Probe}
	if rest, probe, ok := cutLast(p.AttachTo, ":"); ok {
		if file, provider, ok := cutLast(rest, ":"); ok {
			if t.path == "" {
				t.path = file
			}
			if t.probe == "" {
				t.provider, t.probe = provider, probe
			}
		}
	}
	switch {
	case t.path == "" && !a.Selected:
		return t, fmt.Errorf("its section %q does not say in which executable or library it attaches: name one with path, or those of the selected processes with selected", p.SectionName)
	case t.probe == "":
		return t, fmt.Errorf("its section %q does not say to which probe it attaches: name it with provider and probe", p.SectionName)
	}
	return t, nil
}
