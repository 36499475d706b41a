// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package object

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/object/record"
)

// metricPlan is a [Metric] that was compiled.
type metricPlan struct {
	cfg   *Metric
	value *record.Field // nil counts
	// slots are those of a histogram in a map: an array in the value, or the number of
	// the slot in the key.
	slots *record.Field
	slot  *record.Field
}

func (c *compiler) metrics() error {
	m := c.cfg.Metric
	c.metric = &metricPlan{cfg: m}
	switch {
	case m.Name == "":
		return errors.New("metric::name: a metric needs one")
	case m.Type == "":
		return fmt.Errorf("metric::type: a metric needs one: %s, %s, %s or %s", Sum, Gauge, Histogram, ExponentialHistogram)
	}
	entries := c.src.kind == fromMap || c.src.kind == fromGlobal
	histogram := m.Type == Histogram || m.Type == ExponentialHistogram
	switch {
	case m.CPUs != "" && !c.src.perCPU:
		return errors.New("metric::cpus: only a per-CPU map has values of each CPU")
	case m.UpDown && m.Type != Sum:
		return errors.New("metric::up_down: only a sum may fall or not")
	case (m.Slots != "" || m.Slot != "") && (!entries || !histogram):
		return errors.New("metric: slots are those of histograms in maps")
	case len(m.Buckets) > 0 && m.Type != Histogram:
		return errors.New("metric::buckets: only a histogram of the type \"histogram\" has them")
	case entries && histogram:
		return c.slots()
	}
	return c.value(entries)
}

// value finds the field of the value.
func (c *compiler) value(entries bool) error {
	m := c.cfg.Metric
	path := m.Value
	if path == "" {
		switch {
		case entries:
			path = "value"
		case m.Type == Sum && m.Scale == 0:
			return nil // it counts
		default:
			return fmt.Errorf("metric::value: a %s needs the field with the value", m.Type)
		}
	}
	f, err := c.number("metric::value", path, m.Scale)
	c.metric.value = f
	return err
}

func (c *compiler) number(key, path string, scale float64) (*record.Field, error) {
	place, err := c.src.find(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	o := record.Options{Scale: scale}
	switch btf.UnderlyingType(place.Type).(type) {
	case *btf.Float:
	default:
		if scale == 0 {
			o.Format = record.Integer
		}
	}
	f, err := record.CompileAt(place, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	if !f.Numeric() {
		return nil, fmt.Errorf("%s: field %q: %s is no number", key, path, record.Describe(place.Type))
	}
	c.need(f)
	return f, nil
}

// slots finds the buckets of a histogram in a map: the array that is named or the only one, or
// else the key's number of the bucket.
func (c *compiler) slots() error {
	m := c.cfg.Metric
	if m.Type == ExponentialHistogram && (m.Scale != 0 || m.SlotScale == Linear) {
		return errors.New("metric: the buckets of an exponential histogram are powers of two: use the type \"histogram\" for others")
	}
	if m.Value != "" && m.Slots == "" && m.Slot == "" {
		return errors.New("metric::value: the value of a histogram in a map is its buckets: name them with slots or slot")
	}
	if m.Slot != "" {
		return c.slotOf(m.Slot)
	}
	path := m.Slots
	if path == "" {
		var arrays []string
		for _, p := range record.Leaves(c.src.root) {
			if a, ok := btf.UnderlyingType(p.Type).(*btf.Array); ok && isCounter(a.Type) {
				arrays = append(arrays, p.Path)
			}
		}
		switch {
		case len(arrays) == 1:
			path = arrays[0]
		case len(arrays) > 1:
			return fmt.Errorf("metric::slots: which of the arrays has the buckets? There are %s", names(slices.Values(arrays), nil))
		}
	}
	if path == "" {
		for _, key := range []string{"key.slot", "key.bucket"} {
			if _, err := record.Find(c.src.root, key); err == nil {
				return c.slotOf(key)
			}
		}
		return c.slotOf("key")
	}
	f, err := c.src.compile(path, record.Options{})
	if err != nil {
		return fmt.Errorf("metric::slots: %w", err)
	}
	if size, _ := f.Element(); size == 0 {
		return fmt.Errorf("metric::slots: field %q is no array of integers", path)
	}
	c.need(f)
	c.metric.slots = f
	// The slots are no attribute.
	c.dropAttribute(f)
	return nil
}

func isCounter(t btf.Type) bool {
	i, ok := btf.UnderlyingType(t).(*btf.Int)
	return ok && i.Size >= 2 && i.Encoding != btf.Bool
}

func (c *compiler) dropAttribute(f *record.Field) {
	n := len(c.fields)
	c.fields = slices.DeleteFunc(c.fields, func(a field) bool { return a.Path == f.Path })
	c.attributes -= n - len(c.fields)
}

// slotOf takes the entries for buckets, whose number is in the key.
func (c *compiler) slotOf(path string) error {
	m := c.cfg.Metric
	f, err := c.integer("metric::slot", path)
	if err != nil && m.Slot == "" {
		return fmt.Errorf("metric: nothing in the map looks like the buckets of a histogram: name the array with slots, or the key's number of the bucket with slot (%w)", err)
	}
	if err != nil {
		return err
	}
	value := m.Value
	if value == "" {
		value = "value"
	}
	c.metric.slot = f
	c.dropAttribute(f)
	c.metric.value, err = c.number("metric::value", value, 0)
	if err == nil && !c.metric.value.Integer() {
		err = errors.New("metric::value: the number in a bucket is an integer")
	}
	return err
}

// newLosses finds the counters of losses.
func newLosses(cfg *Config, spec *ebpf.CollectionSpec) ([]loss, error) {
	var found []loss
	for _, name := range slices.Sorted(maps.Keys(cfg.Losses)) {
		cause, err := causeOf(name)
		if err != nil {
			return nil, fmt.Errorf("losses: %w", err)
		}
		l := loss{cause: cause, name: cfg.Losses[name]}
		m, v := spec.Maps[l.name], spec.Variables[l.name]
		switch {
		case v != nil:
			l.global, l.size = true, int(v.Size())
		case m != nil && (m.Type == ebpf.Array || m.Type == ebpf.PerCPUArray):
			l.size = int(m.ValueSize)
		case m != nil:
			return nil, fmt.Errorf("losses::%s: map %s is of the type %s; a counter is an array, a per-CPU array or a global variable", name, l.name, m.Type)
		default:
			return nil, fmt.Errorf("losses::%s: the object has no map and no global variable %q; it has %s", name, l.name,
				names(maps.Keys(spec.Maps), isSection)+", "+names(maps.Keys(spec.Variables), nil))
		}
		if l.size != 4 && l.size != 8 {
			return nil, fmt.Errorf("losses::%s: %s has %d bytes; a counter has 4 or 8", name, l.name, l.size)
		}
		found = append(found, l)
	}
	return found, nil
}
