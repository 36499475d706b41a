// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package compat

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	"github.com/ebpfreceiver/ebpfreceiver/internal/kernel"
)

// checker judges single needs on one kernel.
type checker struct {
	kernel   *kernel.Kernel
	types    *btf.Spec   // nil if the kernel has none
	targets  []*btf.Spec // vmlinux and the modules
	warnings []string
}

// newChecker reads the kernel's types.
func newChecker(k *kernel.Kernel) (*checker, error) {
	c := &checker{kernel: k}
	types, err := k.BTF()
	if errors.Is(err, kernel.ErrNoBTF) {
		return c, nil
	}
	if err != nil {
		return nil, err
	}
	modules, err := k.Modules()
	if err != nil {
		return nil, err
	}
	c.types = types
	c.targets = append([]*btf.Spec{types}, modules...)
	return c, nil
}

// function finds a function in vmlinux or in a module. Nil if there is none.
func (c *checker) function(name string) *btf.Func {
	for _, spec := range c.targets {
		var fn *btf.Func
		if spec.TypeByName(name, &fn) == nil {
			return fn
		}
	}
	return nil
}

// has tells whether the kernel has a function of that name: which tells, too,
// what was compiled in when the configuration is not known.
func (c *checker) has(name string) bool { return c.function(name) != nil }

// configured judges by an option of the configuration or, where that is not
// known, by a function that is compiled with it. sentence says what is missing.
func (c *checker) configured(option, function, sentence string) Verdict {
	if value, known := c.kernel.Config(option); known {
		if value == "y" || value == "m" {
			return Verdict{}
		}
		return unsupported(fmt.Sprintf("%s (%s)", sentence, option))
	}
	if function == "" {
		return Verdict{}
	}
	if c.has(function) {
		return Verdict{}
	}
	// The types of old kernels leave out many functions, which the running one still lists.
	if has, err := c.kernel.HasSymbol(function); err == nil && has {
		return Verdict{}
	}
	return unsupported(fmt.Sprintf("%s (%s)", sentence, option))
}

// enumerator judges whether an enum of the kernel has a value. The last one,
// which only counts the others, is none.
func (c *checker) enumerator(enum string, number int64, what string) Verdict {
	values, err := c.kernel.Enum(enum)
	if err != nil {
		return inconclusive(fmt.Sprintf("%s: the kernel's types have no enum %s", what, enum))
	}
	if name, ok := values[number]; ok && !strings.HasPrefix(name, "__") {
		return Verdict{}
	}
	return unsupported(what + ": not in this kernel")
}

// fetches judges atomic instructions that give a value, which the kernel's types say nothing of. They
// came with the same release as the helper that is asked for (5.12: kernel commits 5ffa25502b5a,
// 5ca419f2864a and 34b2021cc616), on arm64 with that of another one (5.18: 1902472b4fa9).
func (c *checker) fetches(name string) Verdict {
	if c.kernel.Arch == "aarch64" {
		return c.enumerator("bpf_func_id", int64(asm.FnCopyFromUserTask), "instruction "+name)
	}
	return c.enumerator("bpf_func_id", int64(asm.FnCheckMtu), "instruction "+name)
}

func (c *checker) helper(fn asm.BuiltinFunc) Verdict {
	name := helperName(fn)
	if v := c.enumerator("bpf_func_id", int64(fn), "helper "+name); v.Answer != Satisfied {
		return v
	}
	mode := c.kernel.Lockdown()
	switch fn {
	case asm.FnProbeWriteUser:
		if mode >= kernel.LockdownIntegrity {
			return unsupported(fmt.Sprintf("helper %s: refused by the kernel's lockdown policy (%s)", name, mode))
		}
	case asm.FnProbeRead, asm.FnProbeReadStr, asm.FnProbeReadKernel, asm.FnProbeReadKernelStr:
		if mode == kernel.LockdownConfidentiality {
			return unsupported(fmt.Sprintf("helper %s: refused by the kernel's lockdown policy (%s)", name, mode))
		}
	case asm.FnProbeReadUser, asm.FnProbeReadUserStr:
		// The kernel allows it, but the library's feature test fails then and it is replaced by
		// bpf_probe_read, which the kernel refuses.
		if mode == kernel.LockdownConfidentiality {
			return unsupported(fmt.Sprintf("helper %s: not available under the kernel's lockdown policy (%s)", name, mode))
		}
	}
	return Verdict{}
}

// mapFlag judges by the kernel's own list of flags.
func (c *checker) mapFlag(flag string) Verdict {
	has, err := c.kernel.HasBTFString(flag)
	if err != nil {
		return inconclusive(fmt.Sprintf("map flag %s: %v", flag, err))
	}
	if !has {
		return unsupported("map flag " + flag + ": not in this kernel")
	}
	return Verdict{}
}

// programType judges the type, what had to be compiled in for it, and what
// this process may load.
func (c *checker) programType(typ ebpf.ProgramType) Verdict {
	if v := c.enumerator("bpf_prog_type", int64(typ), "program type "+programTypeName(typ)); v.Answer != Satisfied {
		return v
	}
	return c.mayLoad(typ)
}

// mayLoad judges the capabilities of this process.
func (c *checker) mayLoad(typ ebpf.ProgramType) Verdict {
	held := c.kernel.Capabilities()
	if !held.Known {
		return Verdict{}
	}
	need := []kernel.Capability{kernel.CapBPF}
	switch typ {
	case ebpf.Kprobe, ebpf.TracePoint, ebpf.PerfEvent, ebpf.RawTracepoint, ebpf.RawTracepointWritable,
		ebpf.Tracing, ebpf.LSM, ebpf.StructOps, ebpf.Extension:
		need = append(need, kernel.CapPerfmon)
	case ebpf.SocketFilter, ebpf.Syscall:
	default:
		need = append(need, kernel.CapNetAdmin)
	}
	for _, capability := range need {
		if held.Has(capability) {
			continue
		}
		if held.Token {
			return inconclusive(fmt.Sprintf("%s is missing; a BPF token may stand in for it", capability))
		}
		switch capability {
		case kernel.CapNetAdmin:
			return unsupported("CAP_NET_ADMIN is missing: programs for sockets, cgroups and interfaces need it")
		case kernel.CapPerfmon:
			return unsupported("CAP_PERFMON is missing: programs that trace need it (or CAP_SYS_ADMIN)")
		default:
			return unsupported("CAP_BPF is missing: loading programs needs it (or CAP_SYS_ADMIN)")
		}
	}
	return Verdict{}
}

// option judges an option of the kernel's configuration that a program reads.
func (c *checker) option(ext external) Verdict {
	if !strings.HasPrefix(ext.name, "CONFIG_") {
		return Verdict{} // LINUX_KERNEL_VERSION and its like come from the loader
	}
	if _, known := c.kernel.Config(ext.name); !known {
		return inconclusive(ext.name + ": this kernel's configuration could not be found")
	}
	return Verdict{}
}

// symbol judges a variable of the kernel whose address a program takes.
func (c *checker) symbol(ext external) Verdict {
	if ext.weak || c.variable(ext.name) {
		return Verdict{}
	}
	has, err := c.kernel.HasSymbol(ext.name)
	switch {
	case err != nil:
		return inconclusive(fmt.Sprintf("symbol %s: %v", ext.name, err))
	case !has:
		return unsupported("symbol " + ext.name + ": not in this kernel")
	}
	return Verdict{}
}

// variable tells whether the types list a variable; they list few.
func (c *checker) variable(name string) bool {
	var v *btf.Var
	return c.types.TypeByName(name, &v) == nil
}
