// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package compat

import (
	"fmt"
	"strings"

	"github.com/cilium/ebpf"
)

// hookKind groups the places that programs attach to by what they need there.
type hookKind uint8

const (
	hookOther        hookKind = iota // needs no more than the program type
	hookTrampoline                   // fentry, fexit, fmod_ret, fsession
	hookLSM                          // lsm
	hookTypedTrace                   // tp_btf
	hookRawTrace                     // raw_tp
	hookTracepoint                   // classic tracepoint
	hookIterator                     // iter
	hookKprobe                       // kprobe, kretprobe
	hookKprobeMulti                  // kprobe.multi, kretprobe.multi, kprobe.session
	hookSyscallProbe                 // ksyscall, kretsyscall
	hookUprobe                       // uprobe, uretprobe, usdt
	hookUprobeMulti                  // uprobe.multi, uretprobe.multi, uprobe.session
	hookPerfEvent                    // perf_event
	hookStructOps                    // struct_ops
	hookCgroup                       // cgroup programs
)

// hook is the place that a program attaches to.
type hook struct {
	kind   hookKind
	word   string // as in the section's name: "fentry", "kprobe"
	target string // function, tracepoint or iterator; may be empty
}

// name is the hook as it is written in a section's name.
func (h hook) name() string {
	if h.target == "" {
		return h.word
	}
	return h.word + "/" + h.target
}

// class tells how stable the hook is.
func (h hook) class() Class {
	switch h.kind {
	case hookTrampoline, hookLSM, hookKprobe, hookKprobeMulti, hookStructOps:
		return ClassInternal
	case hookTypedTrace, hookRawTrace, hookTracepoint:
		if strings.HasPrefix(h.target, "syscalls/") {
			return ClassUAPI
		}
		return ClassTracepoint
	default:
		return ClassUAPI
	}
}

// isArray tells that the program's context is the array of the hook's arguments.
func (h hook) isArray() bool {
	switch h.kind {
	case hookTrampoline, hookLSM, hookTypedTrace, hookRawTrace:
		return true
	}
	return false
}

// inRegisters tells that the program finds the arguments of a function in the
// registers that its context, a struct pt_regs, has of the function's begin.
func (h hook) inRegisters() bool {
	return (h.kind == hookKprobe || h.kind == hookKprobeMulti) && (h.word == "kprobe" || h.word == "kprobe.multi") &&
		h.target != "" && !strings.ContainsAny(h.target, "+*?")
}

// register gives the argument that a word of struct pt_regs holds at the begin of
// a function, and on which architecture. The two have no word in common, as what
// comes first on x86_64 are registers that no function takes arguments in.
func register(word int) (argument int, arch string, ok bool) {
	x86 := map[int]int{14: 0, 13: 1, 12: 2, 11: 3, 9: 4, 8: 5} // as wordOf has them
	if argument, ok = x86[word]; ok {
		return argument, "x86_64", true
	}
	return word, "aarch64", word >= 0 && word < 8 // regs[0] to regs[7]
}

// wordOf gives the word of struct pt_regs that a field is, if functions take
// arguments there: an object need not have the whole struct.
func wordOf(field string) (int, bool) {
	x86 := map[string]int{
		"pt_regs.di": 14, "pt_regs.si": 13, "pt_regs.dx": 12, "pt_regs.cx": 11, "pt_regs.r8": 9, "pt_regs.r9": 8,
	}
	if word, ok := x86[field]; ok {
		return word, true
	}
	var word int
	_, index, ok := strings.Cut(field, "regs.regs[") // of pt_regs, of user_pt_regs or of the one in the other
	if _, err := fmt.Sscanf(index, "%d]", &word); !ok || err != nil {
		return 0, false
	}
	return word, word < 8
}

// hookOf derives the hook of a program from its types and its section.
func hookOf(ps *ebpf.ProgramSpec) hook {
	word, _, _ := strings.Cut(ps.SectionName, "/")
	word = strings.TrimPrefix(word, "?")
	h := hook{word: strings.TrimSuffix(word, ".s"), target: ps.AttachTo}
	switch ps.Type {
	case ebpf.Tracing:
		switch ps.AttachType {
		case ebpf.AttachTraceRawTp:
			h.kind, h.word = hookTypedTrace, "tp_btf"
		case ebpf.AttachTraceIter:
			h.kind, h.word = hookIterator, "iter"
		default:
			h.kind = hookTrampoline
			if h.word == "" {
				h.word = trampolineWord(ps.AttachType)
			}
		}
	case ebpf.LSM:
		h.kind = hookLSM
		if h.word == "" {
			h.word = "lsm"
		}
	case ebpf.RawTracepoint, ebpf.RawTracepointWritable:
		h.kind, h.word = hookRawTrace, "raw_tp"
	case ebpf.TracePoint:
		h.kind, h.word = hookTracepoint, "tracepoint"
	case ebpf.Kprobe:
		h.kind = kprobeKind(ps.AttachType, h.word)
		if h.word == "" {
			h.word = "kprobe"
		}
	case ebpf.PerfEvent:
		h.kind, h.word, h.target = hookPerfEvent, "perf_event", ""
	case ebpf.StructOps:
		h.kind = hookStructOps
	case ebpf.CGroupSKB, ebpf.CGroupSock, ebpf.CGroupSockAddr, ebpf.CGroupSockopt, ebpf.CGroupSysctl,
		ebpf.CGroupDevice, ebpf.SockOps:
		h.kind = hookCgroup
	}
	if h.word == "" {
		h.word = strings.ToLower(ps.Type.String())
	}
	return h
}

func trampolineWord(t ebpf.AttachType) string {
	switch t {
	case ebpf.AttachTraceFExit:
		return "fexit"
	case ebpf.AttachModifyReturn:
		return "fmod_ret"
	default:
		return "fentry"
	}
}

// kprobeKind splits the program type that serves functions of the kernel and
// of user space alike.
func kprobeKind(t ebpf.AttachType, word string) hookKind {
	switch {
	case strings.HasPrefix(word, "uprobe.multi"), strings.HasPrefix(word, "uretprobe.multi"),
		strings.HasPrefix(word, "uprobe.session"), t == ebpf.AttachTraceUprobeMulti:
		return hookUprobeMulti
	case strings.HasPrefix(word, "uprobe"), strings.HasPrefix(word, "uretprobe"), strings.HasPrefix(word, "usdt"):
		return hookUprobe
	case word == "ksyscall", word == "kretsyscall":
		return hookSyscallProbe
	case t == ebpf.AttachTraceKprobeMulti, t == ebpf.AttachTraceKprobeSession:
		return hookKprobeMulti
	default:
		return hookKprobe
	}
}
