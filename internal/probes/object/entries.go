// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package object

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/cilium/ebpf"

	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// buffer is the reused memory for one entry.
func (i *Instrument) buffer(k *sink) []byte {
	n := k.src.value + k.src.valueSize
	if cap(i.entry) < n {
		i.entry = make([]byte, n)
	}
	i.entry = i.entry[:n]
	clear(i.entry)
	return i.entry
}

// entries reads all entries of a map.
func (i *Instrument) entries(k *sink) error {
	m := i.collection.Maps[k.src.name]
	if m == nil {
		return errors.New("no loaded program uses the map")
	}
	entry := i.buffer(k)
	it := m.Iterate()
	var key []byte
	if k.src.perCPU {
		var values [][]byte
		for it.Next(&key, &values) {
			copy(entry, key)
			i.perCPU(k, entry, values)
		}
		return iterated(it.Err())
	}
	var value []byte
	for it.Next(&key, &value) {
		copy(entry, key)
		copy(entry[k.src.value:], value)
		i.take(k, entry, -1)
	}
	return iterated(it.Err())
}

// iterated passes over the one error that a map which changes meanwhile gives: what was read
// is right, and the rest comes with the next collection.
func iterated(err error) error {
	if errors.Is(err, ebpf.ErrIterationAborted) {
		return nil
	}
	return err
}

// perCPU puts the values of an entry's CPUs together.
func (i *Instrument) perCPU(k *sink, entry []byte, values [][]byte) {
	p := k.table.plan
	how := p.cfg.CPUs
	for cpu, v := range values {
		copy(entry[k.src.value:], v)
		switch {
		case how == EachCPU:
			i.take(k, entry, cpu)
		case how == Minimum || how == Maximum:
			i.extreme(k, entry, how, cpu == 0)
		default:
			i.take(k, entry, -1)
		}
	}
}

// group finds the process that an entry is about; ok is false if it is not observed.
func (i *Instrument) owner(k *sink, entry []byte) (p *probe.ProcessInfo, ok bool) {
	if k.process == nil {
		return nil, true
	}
	p = i.processes.Recent(uint32(k.process.Int(entry)))
	return p, p != nil || k.keep
}

// take adds an entry to the table. Entries with the same attributes are added up.
func (i *Instrument) take(k *sink, entry []byte, cpu int) {
	p, ok := i.owner(k, entry)
	if !ok {
		return
	}
	k.read(entry)
	s := k.table.find(k, p, cpu)
	if s == nil {
		return
	}
	plan := k.table.plan
	switch {
	case plan.slots != nil || plan.slot != nil:
		if !s.addSlots(plan, entry) {
			i.warn("A bucket has a number that no histogram has: it is left out")
		}
	case plan.value.Integer():
		s.whole += plan.value.Int(entry)
	default:
		s.fraction += plan.value.Number(entry)
	}
}

// extreme keeps the least or the greatest value of the CPUs.
func (i *Instrument) extreme(k *sink, entry []byte, how CPUs, first bool) {
	p, ok := i.owner(k, entry)
	if !ok {
		return
	}
	k.read(entry)
	s := k.table.find(k, p, -1)
	if s == nil {
		return
	}
	v := k.table.plan.value
	switch {
	case v == nil:
	case v.Integer():
		n := v.Int(entry)
		if first && !s.set || how == Minimum && n < s.whole || how == Maximum && n > s.whole {
			s.whole = n
		}
	default:
		n := v.Number(entry)
		if first && !s.set || how == Minimum && n < s.fraction || how == Maximum && n > s.fraction {
			s.fraction = n
		}
	}
	s.set = true
}

// global reads the elements of a global variable.
func (i *Instrument) global(k *sink) error {
	data, err := i.variable(k.src.name)
	if err != nil {
		return err
	}
	entry := i.buffer(k)
	for n := range k.src.entries {
		if len(data) < (n+1)*k.src.valueSize {
			return fmt.Errorf("the variable has %d bytes only", len(data))
		}
		binary.LittleEndian.PutUint32(entry, uint32(n))
		copy(entry[k.src.value:], data[n*k.src.valueSize:(n+1)*k.src.valueSize])
		i.take(k, entry, -1)
	}
	return nil
}

// variable reads a global variable, as a part of the section that it is in.
func (i *Instrument) variable(name string) ([]byte, error) {
	v := i.v.spec.Variables[name]
	m := i.collection.Maps[v.SectionName]
	if m == nil {
		return nil, fmt.Errorf("no loaded program uses the section %s", v.SectionName)
	}
	data, err := m.LookupBytes(uint32(0))
	if err != nil {
		return nil, fmt.Errorf("section %s: %w", v.SectionName, err)
	}
	if uint64(len(data)) < uint64(v.Offset)+uint64(v.Size()) {
		return nil, fmt.Errorf("section %s has %d bytes only", v.SectionName, len(data))
	}
	return data[v.Offset : v.Offset+v.Size()], nil
}

// maxIterated bounds what one run of an iterator may give, in bytes.
const maxIterated = 64 << 20

// open begins a run of an iterator, nil if it is detached.
func (i *Instrument) open(name string) (io.ReadCloser, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if it := i.iters[name]; it != nil {
		return it.Open()
	}
	return nil, nil
}

// iterate runs an iterator and takes its records.
func (i *Instrument) iterate(k *sink) error {
	r, err := i.open(k.src.name)
	if err != nil || r == nil {
		return err
	}
	defer r.Close()
	size := k.src.valueSize
	buf := make([]byte, 0, 64<<10)
	for total := 0; total < maxIterated; {
		if len(buf) == cap(buf) {
			return fmt.Errorf("a record has more than %d bytes", cap(buf))
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		total += n
		at := 0
		for ; len(buf)-at >= size; at += size {
			i.handle(input{sink: k}, buf[at:at+size], true)
		}
		buf = buf[:copy(buf, buf[at:])]
		switch {
		case errors.Is(err, io.EOF) || err == nil && n == 0:
			if len(buf) > 0 {
				i.counts.Seen++
				i.counts.Lost[probe.Truncated]++
			}
			i.handleLate()
			return nil
		case err != nil:
			return err
		}
	}
	return fmt.Errorf("it gives more than %d bytes: the rest is left out", maxIterated)
}

// lost reads a counter of the object's own.
func (i *Instrument) lost(l *loss) (uint64, error) {
	number := func(b []byte) uint64 {
		if l.size == 4 {
			return uint64(binary.LittleEndian.Uint32(b))
		}
		return binary.LittleEndian.Uint64(b)
	}
	if l.global {
		b, err := i.variable(l.name)
		if err != nil {
			return 0, err
		}
		return number(b), nil
	}
	m := i.collection.Maps[l.name]
	if m == nil {
		return 0, errors.New("no loaded program uses the map")
	}
	var total uint64
	for n := range m.MaxEntries() {
		if m.Type() == ebpf.PerCPUArray {
			var values [][]byte
			if err := m.Lookup(n, &values); err != nil {
				return 0, err
			}
			for _, v := range values {
				total += number(v)
			}
			continue
		}
		v, err := m.LookupBytes(n)
		if err != nil {
			return 0, err
		}
		total += number(v)
	}
	return total, nil
}
