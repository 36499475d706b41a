// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package object

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"

	"github.com/ebpfreceiver/ebpfreceiver/internal/compat"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/object/record"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/object/usdt"
)

// The map and the switch of libbpf's usdt.bpf.h. Where an argument is, is written into the map
// under a number, which the program gets as the cookie of its link.
const (
	usdtSpecs  = "__bpf_usdt_specs"
	usdtCookie = "LINUX_HAS_BPF_COOKIE"
	usdtSwitch = ".rodata.usdt"
)

// usesCookies answers the question of USDT programs whether the kernel has cookies of links.
// Only with them can they be attached here; a kernel without lacks the helper, too, which is
// among the needs.
func usesCookies(spec *ebpf.CollectionSpec) {
	var section *btf.Datasec
	if spec.Types == nil || spec.Types.TypeByName(".kconfig", &section) != nil {
		return
	}
	at := slices.IndexFunc(section.Vars, func(v btf.VarSecinfo) bool { return v.Type.TypeName() == usdtCookie })
	if at < 0 {
		return
	}
	for _, p := range spec.Programs {
		for i := range p.Instructions {
			ins := &p.Instructions[i]
			if offset, ok := compat.KconfigOffset(ins); !ok || offset != section.Vars[at].Offset {
				continue
			}
			load := asm.LoadMapValue(ins.Dst, 0, 0).WithReference(usdtSwitch).WithSymbol(ins.Symbol())
			if source := ins.Source(); source != nil {
				load = load.WithSource(source)
			}
			if fn := btf.FuncMetadata(ins); fn != nil {
				load = btf.WithFuncMetadata(load, fn)
			}
			p.Instructions[i] = load
		}
	}
	spec.Maps[usdtSwitch] = &ebpf.MapSpec{
		Name: usdtSwitch, Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1,
		Contents: []ebpf.MapKV{{Key: uint32(0), Value: []byte{1, 0, 0, 0}}},
	}
	// The loader knows no such option; others it still finds.
	section.Vars = slices.Delete(section.Vars, at, at+1)
}

// usdt attaches to all places of a static probe.
func (d *attachment) usdt(file elfFile, coll *ebpf.Collection, p *ebpf.ProgramSpec, prog *ebpf.Program, a *AttachConfig) error {
	t, err := usdtTarget(p, a)
	if err != nil {
		return err
	}
	all, err := usdt.Read(file.path)
	if err != nil {
		return fmt.Errorf("%s: %w", file.name, err)
	}
	probes := slices.DeleteFunc(slices.Clone(all), func(o usdt.Probe) bool { return o.Provider != t.provider || o.Name != t.probe })
	if len(probes) == 0 {
		known := map[string]bool{}
		for _, o := range all {
			known[o.Provider+":"+o.Name] = true
		}
		return fmt.Errorf("%s has no probe %s:%s; it has %s", file.name, t.provider, t.probe, keyNames(known))
	}
	ex, err := link.OpenExecutable(file.path)
	if err != nil {
		return err
	}
	for i := range probes {
		o := &link.UprobeOptions{Address: probes[i].Offset, RefCtrOffset: probes[i].Semaphore, PID: a.PID}
		if specs := coll.Maps[usdtSpecs]; specs != nil {
			if o.Cookie, err = d.putSpec(specs, p, &probes[i]); err != nil {
				return err
			}
		}
		if err := d.add(ex.Uprobe("", prog, o)); err != nil {
			return fmt.Errorf("%s:%s in %s: %w", t.provider, t.probe, file.name, err)
		}
	}
	return nil
}

// putSpec writes where the arguments of a probe are into the next element of the map.
func (d *attachment) putSpec(specs *ebpf.Map, p *ebpf.ProgramSpec, probe *usdt.Probe) (cookie uint64, err error) {
	args, err := usdt.ParseArgs(probe.Args, runtime.GOARCH)
	if err != nil {
		return 0, fmt.Errorf("probe %s:%s: %w", probe.Provider, probe.Name, err)
	}
	t := specType()
	value := make([]byte, specs.ValueSize())
	if size, err := record.Sizeof(t); err != nil || size != len(value) {
		return 0, fmt.Errorf("the map %s has values of %d bytes, which usdt.bpf.h of no known libbpf has", usdtSpecs, len(value))
	}
	for i, a := range args {
		prefix := fmt.Sprintf("args[%d].", i)
		signed := uint64(0)
		if a.Signed {
			signed = 1
		}
		for _, f := range []struct {
			name string
			v    uint64
		}{
			{"val_off", uint64(a.Value)}, {"arg_type", uint64(a.Kind)}, {"reg_off", uint64(uint16(a.Register))},
			{"arg_signed", signed}, {"arg_bitshift", uint64(64 - 8*a.Size)},
		} {
			if err := store(value, t, prefix+f.name, f.v); err != nil {
				return 0, err
			}
		}
	}
	if err := store(value, t, "arg_cnt", uint64(len(args))); err != nil {
		return 0, err
	}
	id, ok := d.specs.take(specs.MaxEntries())
	if !ok {
		return 0, fmt.Errorf("the map %s of program %s has room for the arguments of %d places only: give it more with maps", usdtSpecs, p.Name, specs.MaxEntries())
	}
	// Closing goes backwards: the element is free when nothing refers to it any more.
	_ = d.add(closer(func() error { d.specs.free(id); return nil }), nil)
	return uint64(id), specs.Put(id, value)
}

// specIDs are the elements of the map of a collection's USDT arguments.
type specIDs struct {
	mu   sync.Mutex
	next uint32
	back []uint32
}

func (s *specIDs) take(most uint32) (id uint32, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.back); n > 0 {
		id, s.back = s.back[n-1], s.back[:n-1]
		return id, true
	}
	if s.next >= most {
		return 0, false
	}
	s.next++
	return s.next - 1, true
}

func (s *specIDs) free(id uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.back = append(s.back, id)
}

// specType is struct __bpf_usdt_spec of libbpf 1.0 to 1.5.
func specType() btf.Type {
	s, err := record.ParseLayout(`
		struct { __u64 val_off; __u32 arg_type; short reg_off; bool arg_signed; char arg_bitshift; } args[12];
		__u64 usdt_cookie; short arg_cnt;`, nil)
	if err != nil {
		panic(err) // it is a constant
	}
	return s
}

// store writes an integer to a field.
func store(into []byte, t btf.Type, path string, v uint64) error {
	p, err := record.Find(t, path)
	if err != nil {
		return err
	}
	size, err := record.Sizeof(p.Type)
	if err != nil {
		return err
	}
	var buf [8]byte
	binary.LittleEndian.PutUint64(buf[:], v)
	copy(into[p.Bit/8:p.Bit/8+uint32(size)], buf[:size])
	return nil
}
