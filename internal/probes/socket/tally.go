// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/cilium/ebpf"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/hook"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
)

const tallySize = int(unsafe.Sizeof(objectTallyRecord{}))

// viewTally casts a record onto its struct, and fills what it tells. It returns nil when it is none.
func viewTally(raw []byte, total *stream.TallyTotal, to *stream.Tally) *objectTallyRecord {
	if len(raw) != tallySize {
		return nil
	}
	r := (*objectTallyRecord)(unsafe.Pointer(unsafe.SliceData(raw)))
	t := &r.Now
	// The key: TALLY_KEY of bpf/include/socket_tally.h.
	*to = stream.Tally{
		Start: t.First, End: t.Last, Min: t.Min, Max: t.Max,
		Status: uint16(r.Key), Route: uint16(r.Key >> 16), Method: stream.Method(r.Key >> 32), Minor: uint8(r.Key >> 40),
	}
	*total = stream.TallyTotal{Sum: t.Sum, Counts: t.Counts, Count: t.Count, Number: uint16(r.Key >> 48)}
	var sum uint32
	for _, n := range t.Counts {
		sum += n
	}
	if r.Slot >= stream.TallySlots || to.Minor > 9 || to.Method == 0 || total.Number == 0 || sum != t.Count || t.Last < t.First || t.Min > t.Max {
		return nil
	}
	return r
}

// tally takes exchanges that the kernel has counted, as take does.
func (d *daemon) tally(raw []byte) bool {
	r := viewTally(raw, &d.total, &d.counted)
	if r == nil {
		d.malformed++
		return true
	}
	h, known := d.table.Find(r.Conn)
	if !known || h.Conn().Process.PID != r.Tgid {
		p := d.set.Processes.Lookup(r.Tgid, r.Process)
		if p == nil {
			return false
		}
		d.unknown++
		d.table.Lost(stream.ProtoHTTP1, p, uint64(d.total.Count-r.Told))
		return true
	}
	lost, ok := d.table.Tally(h, int(r.Slot), &d.total, r.Told, &d.counted, r.Now.Last)
	if !ok {
		d.malformed++
		return true
	}
	if lost > 0 {
		d.table.Lost(stream.ProtoHTTP1, h.Conn().Process, lost)
	}
	d.delivered++
	d.measure(h)
	return true
}

// LastSweep runs a sweep that waits for nothing, when the programs that it comes after are detached.
func LastSweep(coll *ebpf.Collection, sweeps ...*hook.Sweep) error {
	wait := coll.Variables["tally_ns"]
	var usual uint64
	if err := wait.Get(&usual); err != nil {
		return fmt.Errorf("variable tally_ns: %w", err)
	}
	errs := []error{wait.Set(uint64(0))}
	for _, sweep := range sweeps {
		errs = append(errs, sweep.Run())
	}
	return errors.Join(append(errs, wait.Set(usual))...)
}
