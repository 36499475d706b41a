// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package object

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// closers close in reverse order.
type closers []io.Closer

func (c *closers) Close() error {
	var errs []error
	for _, one := range slices.Backward(*c) {
		errs = append(errs, one.Close())
	}
	*c = nil
	return errors.Join(errs...)
}

// closer is a function that closes.
type closer func() error

func (c closer) Close() error { return c() }

// attachment is a program that is attached.
type attachment struct {
	closers
	iter  *link.Iter
	specs *specIDs
}

// elfFile is an executable or library.
type elfFile struct {
	path string // where it is opened
	name string // for messages
}

// attach attaches a program where its section or the configuration says. What it returns ends
// that.
func attach(coll *ebpf.Collection, p *ebpf.ProgramSpec, prog *ebpf.Program, a *AttachConfig, specs *specIDs) (attachment, error) {
	done := attachment{specs: specs}
	return done.finish(p, done.attach(coll, p, prog, a))
}

// attachTo attaches a program for user space to a file.
func attachTo(file elfFile, coll *ebpf.Collection, p *ebpf.ProgramSpec, prog *ebpf.Program, a *AttachConfig, specs *specIDs) (attachment, error) {
	done := attachment{specs: specs}
	return done.finish(p, done.userSpace(file, coll, p, prog, a))
}

func (d *attachment) finish(p *ebpf.ProgramSpec, err error) (attachment, error) {
	if err != nil {
		return attachment{}, errors.Join(fmt.Errorf("attach program %s (%s): %w", p.Name, p.SectionName, err), d.Close())
	}
	return *d, nil
}

func (d *attachment) add(l io.Closer, err error) error {
	if err == nil {
		d.closers = append(d.closers, l)
	}
	return err
}

func (d *attachment) attach(coll *ebpf.Collection, p *ebpf.ProgramSpec, prog *ebpf.Program, a *AttachConfig) error {
	switch kindOfHook(p) {
	case hookTracing:
		return d.add(link.AttachTracing(link.TracingOptions{Program: prog}))
	case hookLSM:
		return d.add(link.AttachLSM(link.LSMOptions{Program: prog}))
	case hookIter:
		it, err := link.AttachIter(link.IterOptions{Program: prog, Map: coll.Maps[a.Map]})
		if err == nil {
			d.iter = it
		}
		return d.add(it, err)
	case hookRawTrace:
		return d.add(link.AttachRawTracepoint(link.RawTracepointOptions{Name: p.AttachTo, Program: prog}))
	case hookTracepoint:
		group, name, _ := strings.Cut(p.AttachTo, "/")
		return d.add(link.Tracepoint(group, name, prog, nil))
	case hookKprobe:
		return d.kprobe(p, prog, a)
	case hookKprobeMulti:
		return d.kprobeMulti(p, prog)
	case hookUprobe, hookUprobeMulti, hookUSDT:
		where, err := pathOf(p, a)
		if err != nil {
			return err
		}
		if where, err = findBinary(where); err != nil {
			return err
		}
		return d.userSpace(elfFile{where, where}, coll, p, prog, a)
	case hookPerf:
		return d.perf(prog, a)
	case hookCgroup:
		return d.cgroup(p, prog, a)
	case hookSkMsg:
		o := link.RawAttachProgramOptions{Target: coll.Maps[a.Map].FD(), Program: prog, Attach: ebpf.AttachSkMsgVerdict}
		if err := link.RawAttachProgram(o); err != nil {
			return err
		}
		return d.add(closer(func() error {
			return link.RawDetachProgram(link.RawDetachProgramOptions{Target: o.Target, Program: prog, Attach: o.Attach})
		}), nil)
	case hookNetfilter:
		return d.netfilter(prog, a)
	case hookTCX, hookXDP, hookSocket:
		return d.interfaces(p, prog, a)
	}
	return fmt.Errorf("programs of the type %s cannot be attached here", p.Type)
}

func (d *attachment) kprobe(p *ebpf.ProgramSpec, prog *ebpf.Program, a *AttachConfig) error {
	name := p.AttachTo
	switch word(p) {
	case "ksyscall", "kretsyscall":
		arch := map[string]string{"amd64": "x64", "arm64": "arm64"}[runtime.GOARCH]
		name = "__" + arch + "_sys_" + name
	}
	if isReturn(p) {
		return d.add(link.Kretprobe(name, prog, nil))
	}
	name, offset, _ := strings.Cut(name, "+")
	o := link.KprobeOptions{Offset: a.Offset}
	if offset != "" && o.Offset == 0 {
		if _, err := fmt.Sscan(offset, &o.Offset); err != nil {
			return fmt.Errorf("the offset %q is no number", offset)
		}
	}
	return d.add(link.Kprobe(name, prog, &o))
}

// maxFunctions bounds what a pattern of functions may match.
const maxFunctions = 4096

func (d *attachment) kprobeMulti(p *ebpf.ProgramSpec, prog *ebpf.Program) error {
	symbols := strings.Split(p.AttachTo, ",")
	if strings.ContainsAny(p.AttachTo, "*?") {
		var err error
		if symbols, err = kernelFunctions(p.AttachTo); err != nil {
			return err
		}
	}
	o := link.KprobeMultiOptions{Symbols: symbols}
	switch {
	case isReturn(p):
		return d.add(link.KretprobeMulti(prog, o))
	case word(p) == "kprobe.session":
		o.Session = true
	}
	return d.add(link.KprobeMulti(prog, o))
}

// kernelFunctions lists the functions of the kernel that can be probed and match a
// pattern.
func kernelFunctions(pattern string) ([]string, error) {
	text, err := os.ReadFile("/sys/kernel/tracing/available_filter_functions")
	if err != nil {
		return nil, fmt.Errorf("the kernel's functions cannot be listed for the pattern %q: %w", pattern, err)
	}
	var found []string
	for line := range strings.Lines(string(text)) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		if ok, err := path.Match(pattern, name); err != nil {
			return nil, fmt.Errorf("the pattern %q: %w", pattern, err)
		} else if ok && !slices.Contains(found, name) {
			found = append(found, name)
		}
		if len(found) > maxFunctions {
			return nil, fmt.Errorf("the pattern %q matches more than %d functions", pattern, maxFunctions)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no function of the kernel matches %q", pattern)
	}
	return found, nil
}

// findBinary finds an executable or library: an absolute path, or a name where the loader and
// shells look.
func findBinary(name string) (string, error) {
	if filepath.IsAbs(name) {
		return name, nil
	}
	triplet := map[string]string{"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}[runtime.GOARCH]
	dirs := []string{"/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin"}
	if strings.Contains(name, ".so") {
		dirs = []string{"/lib/" + triplet, "/usr/lib/" + triplet, "/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib"}
	}
	for _, dir := range dirs {
		full := filepath.Join(dir, name)
		if info, err := os.Stat(full); err == nil && info.Mode().IsRegular() {
			return full, nil
		}
	}
	return "", fmt.Errorf("%s is in none of %s", name, strings.Join(dirs, ", "))
}

// pathOf is the path that the section or the configuration names.
func pathOf(p *ebpf.ProgramSpec, a *AttachConfig) (string, error) {
	if kindOfHook(p) == hookUSDT {
		t, err := usdtTarget(p, a)
		return t.path, err
	}
	t, err := uprobeTarget(p, a)
	return t.path, err
}

func (d *attachment) userSpace(file elfFile, coll *ebpf.Collection, p *ebpf.ProgramSpec, prog *ebpf.Program, a *AttachConfig) error {
	if kindOfHook(p) == hookUSDT {
		return d.usdt(file, coll, p, prog, a)
	}
	return d.uprobe(file, p, prog, a)
}

func (d *attachment) uprobe(file elfFile, p *ebpf.ProgramSpec, prog *ebpf.Program, a *AttachConfig) error {
	t, err := uprobeTarget(p, a)
	if err != nil {
		return err
	}
	ex, err := link.OpenExecutable(file.path)
	if err != nil {
		return err
	}
	symbols, err := functions(file, t.symbols)
	if err != nil {
		return err
	}
	if kindOfHook(p) == hookUprobeMulti {
		o := &link.UprobeMultiOptions{PID: uint32(a.PID)}
		if t.offset != 0 {
			o.Offsets = slices.Repeat([]uint64{t.offset}, len(symbols))
		}
		if isReturn(p) {
			return d.add(ex.UretprobeMulti(symbols, prog, o))
		}
		return d.add(ex.UprobeMulti(symbols, prog, o))
	}
	for _, symbol := range symbols {
		o := &link.UprobeOptions{Offset: t.offset, PID: a.PID}
		if isReturn(p) {
			err = d.add(ex.Uretprobe(symbol, prog, o))
		} else {
			err = d.add(ex.Uprobe(symbol, prog, o))
		}
		if err != nil {
			return fmt.Errorf("%s in %s: %w", symbol, file.name, err)
		}
	}
	return nil
}

// functions replaces patterns by the functions of a file that match.
func functions(file elfFile, symbols []string) ([]string, error) {
	if !slices.ContainsFunc(symbols, func(s string) bool { return strings.ContainsAny(s, "*?") }) {
		return symbols, nil
	}
	f, err := elf.Open(file.path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file.name, err)
	}
	defer f.Close()
	all, _ := f.Symbols()
	dynamic, _ := f.DynamicSymbols()
	seen := map[string]bool{}
	var found []string
	for _, s := range append(all, dynamic...) {
		if elf.ST_TYPE(s.Info) != elf.STT_FUNC || s.Value == 0 || seen[s.Name] {
			continue
		}
		for _, pattern := range symbols {
			if ok, _ := path.Match(pattern, s.Name); ok {
				seen[s.Name] = true
				found = append(found, s.Name)
				break
			}
		}
	}
	switch {
	case len(found) == 0:
		return nil, fmt.Errorf("no function of %s matches %s", file.name, strings.Join(symbols, ", "))
	case len(found) > maxFunctions:
		return nil, fmt.Errorf("%d functions of %s match %s, more than %d", len(found), file.name, strings.Join(symbols, ", "), maxFunctions)
	}
	return found, nil
}

func (d *attachment) cgroup(p *ebpf.ProgramSpec, prog *ebpf.Program, a *AttachConfig) error {
	dir := a.Cgroup
	if dir == "" {
		if dir = cgroupRoot(); dir == "" {
			return errors.New("cgroup v2 is not mounted, and programs for cgroups attach there")
		}
	}
	return d.add(link.AttachCgroup(link.CgroupOptions{Path: dir, Attach: p.AttachType, Program: prog}))
}

func (d *attachment) netfilter(prog *ebpf.Program, a *AttachConfig) error {
	hooks := map[string]link.NetfilterInetHook{
		"pre_routing": link.NetfilterInetPreRouting, "local_in": link.NetfilterInetLocalIn, "forward": link.NetfilterInetForward,
		"local_out": link.NetfilterInetLocalOut, "post_routing": link.NetfilterInetPostRouting,
	}
	families := map[string]link.NetfilterProtocolFamily{"ipv4": link.NetfilterProtoIPv4, "ipv6": link.NetfilterProtoIPv6}
	for _, name := range slices.Sorted(maps.Keys(families)) {
		if len(a.Families) > 0 && !slices.Contains(a.Families, name) {
			continue
		}
		o := link.NetfilterOptions{Program: prog, Hook: hooks[a.Hook], ProtocolFamily: families[name], Priority: netfilterPriority}
		err := d.add(link.AttachNetfilter(o))
		// The kernel has no place for two programs of the same priority.
		for ; errors.Is(err, unix.EBUSY) && o.Priority < 2*netfilterPriority; o.Priority++ {
			err = d.add(link.AttachNetfilter(o))
		}
		if err != nil {
			return fmt.Errorf("%s of %s: %w", a.Hook, name, err)
		}
	}
	return nil
}

// netfilterPriority is after the filters of iptables, whose is 0 (NF_IP_PRI_FILTER): what these
// drop is not seen.
const netfilterPriority = 10

func (d *attachment) interfaces(p *ebpf.ProgramSpec, prog *ebpf.Program, a *AttachConfig) error {
	for _, name := range a.Interfaces {
		i, err := net.InterfaceByName(name)
		if err != nil {
			return fmt.Errorf("network interface %s: %w", name, err)
		}
		switch kindOfHook(p) {
		case hookXDP:
			flags := map[string]link.XDPAttachFlags{"generic": link.XDPGenericMode, "driver": link.XDPDriverMode}[a.Mode]
			err = d.add(link.AttachXDP(link.XDPOptions{Program: prog, Interface: i.Index, Flags: flags}))
		case hookTCX:
			err = d.add(link.AttachTCX(link.TCXOptions{Program: prog, Interface: i.Index, Attach: p.AttachType, Anchor: link.Tail()}))
		default:
			err = d.add(openFilter(i.Index, prog))
		}
		if err != nil {
			return fmt.Errorf("network interface %s: %w", name, err)
		}
	}
	return nil
}
