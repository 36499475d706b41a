// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package compat

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"github.com/ebpfreceiver/ebpfreceiver/internal/kernel"
)

// hook judges whether the place that a program attaches to is there, and
// whether the kernel lets anyone attach.
func (c *checker) hook(h hook) Verdict {
	switch h.kind {
	case hookTrampoline:
		return first(
			func() Verdict { return c.trampoline(h, ebpf.Tracing, ebpf.AttachTraceFEntry) },
			func() Verdict { return c.target(h) },
		)
	case hookLSM:
		return c.lsm(h)
	case hookTypedTrace, hookRawTrace:
		if h.target != "" && c.traceParams(h.target) == nil {
			return unsupported(h.name() + ": no such tracepoint in this kernel")
		}
	case hookTracepoint:
		return c.tracepoint(h)
	case hookIterator:
		return c.iterator(h)
	case hookKprobe, hookKprobeMulti, hookSyscallProbe:
		return c.kprobe(h)
	case hookUprobe, hookUprobeMulti:
		return first(
			func() Verdict { return c.configured("CONFIG_UPROBES", "uprobe_register", "uprobes: not compiled in") },
			func() Verdict { return c.configured("CONFIG_UPROBE_EVENTS", "", "uprobes: not compiled in") },
		)
	case hookPerfEvent:
		return c.configured("CONFIG_PERF_EVENTS", "perf_event_create_kernel_counter", "perf events: not compiled in")
	case hookCgroup:
		if v := c.configured("CONFIG_CGROUP_BPF", "", "programs for cgroups: not compiled in"); v.Answer != Satisfied {
			return v
		}
		if c.kernel.Live && c.kernel.Mounts().CgroupV2 == "" {
			return unsupported("cgroup v2 is not mounted, and programs for cgroups attach there")
		}
	}
	return Verdict{}
}

// first gives the first verdict that is not satisfied.
func first(checks ...func() Verdict) Verdict {
	for _, check := range checks {
		if v := check(); v.Answer != Satisfied {
			return v
		}
	}
	return Verdict{}
}

// target judges whether the function is there.
func (c *checker) target(h hook) Verdict {
	if h.target == "" || c.has(h.target) {
		return Verdict{}
	}
	return unsupported(fmt.Sprintf("%s: this kernel has no function %s (removed, renamed or inlined)", h.name(), h.target))
}

// trampoline judges whether a function's entry can be made to call a program.
// The types cannot tell: an architecture may lack it, and a policy may refuse it
// before the verifier is asked. On the running kernel a program that does
// nothing is loaded to find out, and never attached.
func (c *checker) trampoline(h hook, typ ebpf.ProgramType, attach ebpf.AttachType) Verdict {
	const option = "CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS"
	v := c.configured(option, "", h.word+": trampolines are not compiled in")
	if _, known := c.kernel.Config(option); !known && !c.has("register_ftrace_direct") {
		// Programs can be loaded all the same, so that only attaching tells; as on arm64 before 6.2.
		v = inconclusive(fmt.Sprintf("%s: the kernel's types do not show trampolines (%s)", h.word, option))
	}
	if v.Answer != Satisfied || c.mayLoad(typ).Answer != Satisfied {
		return v // what is missing to load is said elsewhere
	}
	target := "file_open"
	if typ != ebpf.LSM {
		candidates := []string{"bpf_fentry_test1", "tcp_connect", "vfs_read", h.target}
		i := slices.IndexFunc(candidates, func(name string) bool { return name != "" && c.has(name) })
		if i < 0 {
			return Verdict{}
		}
		target = candidates[i]
	}
	err := c.kernel.Try("trampoline "+typ.String(), func() error { return loadNothing(c.kernel, typ, attach, target) })
	switch {
	case err == nil, errors.Is(err, kernel.ErrNotLive):
		return Verdict{}
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		what := h.word + " refused"
		if h.target != "" {
			what = h.target + ": " + what
		}
		if mode := c.kernel.Lockdown(); mode >= kernel.LockdownIntegrity {
			return unsupported(fmt.Sprintf("%s, trampolines are blocked by the kernel's lockdown policy (%s)", what, mode))
		}
		return unsupported(what + ", trampolines are blocked by the kernel's security policy")
	default:
		return inconclusive(fmt.Sprintf("%s: a program that does nothing was refused: %v", h.name(), err))
	}
}

// iterator judges whether a program can visit the kernel's objects of a kind. A policy may
// refuse some of them before the verifier is asked, as one vendor's does those of maps: so
// that is tried, too.
func (c *checker) iterator(h hook) Verdict {
	if h.target == "" {
		return Verdict{}
	}
	if !c.has("bpf_iter_" + h.target) {
		return unsupported(h.name() + ": no such iterator in this kernel")
	}
	if c.mayLoad(ebpf.Tracing).Answer != Satisfied {
		return Verdict{} // what is missing to load is said elsewhere
	}
	err := c.kernel.Try("iterator "+h.target, func() error {
		return loadNothing(c.kernel, ebpf.Tracing, ebpf.AttachTraceIter, h.target)
	})
	switch {
	case err == nil, errors.Is(err, kernel.ErrNotLive):
		return Verdict{}
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return unsupported(h.name() + ": refused by the kernel's security policy, though it has this iterator")
	default:
		return inconclusive(fmt.Sprintf("%s: a program that does nothing was refused: %v", h.name(), err))
	}
}

// loadNothing loads a program that returns zero.
func loadNothing(k *kernel.Kernel, typ ebpf.ProgramType, attach ebpf.AttachType, target string) error {
	coll, err := ebpf.NewCollectionWithOptions(&ebpf.CollectionSpec{
		Programs: map[string]*ebpf.ProgramSpec{"nothing": {
			Name: "nothing", Type: typ, AttachType: attach, AttachTo: target, License: "GPL",
			Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
		}},
	}, ebpf.CollectionOptions{Cache: k.Cache(), Programs: ebpf.ProgramOptions{LogDisabled: true}})
	if err != nil {
		return err
	}
	coll.Close()
	return nil
}

func (c *checker) lsm(h hook) Verdict {
	return first(
		func() Verdict { return c.configured("CONFIG_BPF_LSM", "", "LSM programs: not compiled in") },
		func() Verdict {
			if h.target != "" && !c.has("bpf_lsm_"+h.target) {
				return unsupported(h.name() + ": no such LSM hook in this kernel")
			}
			return Verdict{}
		},
		func() Verdict {
			names, known := c.kernel.LSMs()
			if known && !slices.Contains(names, "bpf") {
				return unsupported(h.name() + ": would attach and see nothing, since \"bpf\" is not among the kernel's security modules (lsm=)")
			}
			return Verdict{}
		},
		func() Verdict { return c.trampoline(h, ebpf.LSM, ebpf.AttachLSMMac) },
	)
}

func (c *checker) kprobe(h hook) Verdict {
	v := first(
		func() Verdict { return c.configured("CONFIG_KPROBES", "register_kprobe", "kprobes: not compiled in") },
		func() Verdict { return c.configured("CONFIG_KPROBE_EVENTS", "", "kprobes: not compiled in") },
	)
	if v.Answer != Satisfied {
		return v
	}
	if mode := c.kernel.Lockdown(); mode == kernel.LockdownConfidentiality {
		return unsupported(fmt.Sprintf("kprobes: refused by the kernel's lockdown policy (%s)", mode))
	}
	if h.kind == hookKprobeMulti {
		if v := c.configured("CONFIG_FPROBE", "register_fprobe_ips", h.word+": not compiled in"); v.Answer != Satisfied {
			return v
		}
	}
	name, _, _ := strings.Cut(h.target, "+")
	if name == "" || strings.ContainsAny(name, "*?") {
		return Verdict{}
	}
	if h.kind == hookSyscallProbe {
		name = c.syscall(name)
	}
	names := []string{name}
	if call, ok := strings.CutPrefix(name, "sys_"); ok && h.kind == hookKprobe {
		names = append(names, c.syscall(call)) // as which the loader tries it, too
	}
	for _, one := range names {
		if c.has(one) {
			return Verdict{}
		}
		// The types leave out functions whose arguments the compiler changed; a probe can sit there.
		if has, err := c.kernel.HasSymbol(one); err == nil && has {
			return Verdict{}
		}
	}
	return unsupported(fmt.Sprintf("%s: this kernel has no function %s (removed, renamed or inlined)", h.name(), name))
}

// syscall is the name of the function behind a system call.
func (c *checker) syscall(name string) string {
	if c.kernel.Arch == "aarch64" {
		return "__arm64_sys_" + name
	}
	return "__x64_sys_" + name
}

// tracepoint judges a classic tracepoint: by tracefs on the running kernel, by
// the types of a stored one.
func (c *checker) tracepoint(h hook) Verdict {
	if mode := c.kernel.Lockdown(); mode == kernel.LockdownConfidentiality {
		return unsupported(fmt.Sprintf("classic tracepoints: refused by the kernel's lockdown policy (%s)", mode))
	}
	group, name, ok := strings.Cut(h.target, "/")
	if !ok {
		return Verdict{} // the user of the object chooses it
	}
	_, err := c.kernel.TracepointFormat(group, name)
	switch {
	case err == nil:
		return Verdict{}
	case errors.Is(err, kernel.ErrNoTracepoint):
		return unsupported(h.name() + ": no such tracepoint in this kernel")
	case errors.Is(err, kernel.ErrNoTracefs), errors.Is(err, kernel.ErrTracefsDenied):
		return unsupported("classic tracepoints: " + err.Error())
	case !errors.Is(err, kernel.ErrNotLive):
		return unsupported(fmt.Sprintf("%s: %v", h.name(), err))
	}
	return c.storedTracepoint(h, group, name)
}

func (c *checker) storedTracepoint(h hook, group, name string) Verdict {
	call, isCall := strings.CutPrefix(name, "sys_enter_")
	if !isCall {
		call, isCall = strings.CutPrefix(name, "sys_exit_")
	}
	found := c.traceParams(name) != nil
	switch {
	case group == "syscalls" && isCall:
		if v := c.configured("CONFIG_FTRACE_SYSCALLS", "", "tracepoints of system calls: not compiled in"); v.Answer != Satisfied {
			return v
		}
		found = c.has(c.syscall(call))
	case group == "kprobes" || group == "uprobes":
		return inconclusive(h.name() + ": made at run time")
	}
	if !found {
		return unsupported(h.name() + ": no such tracepoint in this kernel")
	}
	return Verdict{}
}
