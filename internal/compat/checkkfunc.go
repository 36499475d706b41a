// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package compat

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
)

// kfunc judges a kfunc. called means that the program reaches a call of it; a
// weak one that is only asked for may be missing. One that is there must have
// the signature that the program was compiled for, since the loader refuses any other.
func (c *checker) kfunc(ext external, called bool) Verdict {
	fn := c.function(ext.name)
	if fn == nil {
		if ext.weak && !called {
			return Verdict{}
		}
		return unsupported(fmt.Sprintf("kfunc %s: not in this kernel", ext.name))
	}
	v := c.kfuncOf(ext, fn, called)
	v.Have = prototype(fn)
	return v
}

func (c *checker) kfuncOf(ext external, fn *btf.Func, called bool) Verdict {
	if err := btf.CheckTypeCompatibility(ext.fn.Type, fn.Type); err != nil {
		return unsupported(fmt.Sprintf("kfunc %s: signature differs: the program was compiled for %s, the kernel has %s",
			ext.name, prototype(ext.fn), prototype(fn)))
	}
	if !slices.Contains(fn.Tags, "bpf_kfunc") {
		no := fmt.Sprintf("kfunc %s: a function of the kernel, but not one that programs may call", ext.name)
		switch {
		// Before 5.18 only TCP congestion control had kfuncs.
		case c.tagsKfuncs(), !c.has("register_btf_kfunc_id_set"):
			return unsupported(no)
		// These types do not tell; nearly all kfuncs have the prefix.
		case !strings.HasPrefix(ext.name, "bpf_"):
			return inconclusive(fmt.Sprintf("kfunc %s: a function of the kernel, but perhaps not one that programs may call", ext.name))
		}
	}
	if called {
		c.warnDeprecated(ext.name, fn)
	}
	return Verdict{}
}

// tagsKfuncs tells whether the kernel's types mark kfuncs, as pahole 1.26 and
// later make them.
func (c *checker) tagsKfuncs() bool {
	for _, name := range []string{"bpf_rcu_read_lock", "bpf_obj_drop_impl", "bpf_cast_to_kern_ctx"} {
		if fn := c.function(name); fn != nil {
			return slices.Contains(fn.Tags, "bpf_kfunc")
		}
	}
	return false
}

// warnDeprecated passes on what the kernel says of a kfunc that is to go: by a
// declaration tag, or by a successor without the suffix _impl.
func (c *checker) warnDeprecated(name string, fn *btf.Func) {
	var warning string
	for _, tag := range fn.Tags {
		if strings.Contains(tag, "deprecated") {
			warning = fmt.Sprintf("kfunc %s: marked by the kernel: %s", name, tag)
		}
	}
	if successor, ok := strings.CutSuffix(name, "_impl"); ok {
		if next := c.function(successor); next != nil && slices.Contains(next.Tags, "bpf_kfunc") {
			warning = fmt.Sprintf("kfunc %s: replaced by %s in this kernel and kept for older programs", name, successor)
		}
	}
	if warning != "" && !slices.Contains(c.warnings, warning) {
		c.warnings = append(c.warnings, warning)
	}
}

// preset gives what loading the address of an external, or an option, yields.
func (c *checker) preset(o *object, ext external) value {
	switch {
	case ext.kconfig:
		if options := c.options(o.spec); options != nil {
			return value{kind: memory, n: int64(ext.offset), mem: options}
		}
		return value{}
	case ext.fn != nil:
		if c.has(ext.name) {
			return value{kind: nonNull}
		}
		return constOf(0)
	case !ext.weak || c.variable(ext.name):
		return value{kind: nonNull}
	}
	has, err := c.kernel.HasSymbol(ext.name)
	switch {
	case err != nil:
		return value{}
	case has:
		return value{kind: nonNull}
	default:
		return constOf(0)
	}
}

// options gives the section .kconfig as the loader fills it for the kernel.
func (c *checker) options(spec *ebpf.CollectionSpec) *frozen {
	section := kconfigSection(spec)
	if section == nil {
		return nil
	}
	return &frozen{func(offset int64, _ int) (uint64, bool) {
		for _, v := range section.Vars {
			if variable, ok := v.Type.(*btf.Var); ok && int64(v.Offset) == offset {
				return c.optionValue(variable)
			}
		}
		return 0, false
	}}
}

// optionValue gives an option in the form that libbpf defines for its type.
func (c *checker) optionValue(v *btf.Var) (uint64, bool) {
	if v.Name == "LINUX_KERNEL_VERSION" {
		return versionCode(c.kernel.Release)
	}
	value, known := c.kernel.Config(v.Name)
	if !known || value == "" {
		return 0, false
	}
	switch t := plain(v.Type).(type) {
	case *btf.Enum: // enum libbpf_tristate
		i := strings.IndexByte("nym", value[0])
		return uint64(i), i >= 0
	case *btf.Int:
		if t.Encoding == btf.Bool {
			return map[string]uint64{"n": 0, "y": 1}[value], value == "y" || value == "n"
		}
		if t.Size == 1 {
			return uint64(value[0]), true
		}
		n, err := strconv.ParseInt(value, 0, 64)
		return uint64(n), err == nil
	}
	return 0, false
}

// versionCode is KERNEL_VERSION of a release.
func versionCode(release string) (uint64, bool) {
	var major, minor, patch uint64
	n, _ := fmt.Sscanf(release, "%d.%d.%d", &major, &minor, &patch)
	if n < 2 {
		return 0, false
	}
	return major<<16 | minor<<8 | min(patch, 255), true
}
