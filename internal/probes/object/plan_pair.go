// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package object

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/object/record"
)

// pairPlan is a [Pair] that was compiled.
type pairPlan struct {
	begin, end half
	timeout    time.Duration
	maxOpen    int
	// size is that of a joined record, in which the end's record begins at at.
	size, at int
}

// half is one of the two records of a pair.
type half struct {
	src *source
	// need is how long a record must be, in bytes.
	need int
	key  []*record.Field
	when []condition
	// process is the field with the process ID, nil if this record has none.
	process *record.Field
}

// condition is a field that has one of some values.
type condition struct {
	field   *record.Field
	numbers []int64
	texts   []string
}

// newPair makes the source of joined records of that of the ends.
func newPair(spec *ebpf.CollectionSpec, o *Output, end *source) (*source, *pairPlan, error) {
	c := o.Pair
	if end.kind != fromBuffer {
		return nil, nil, errors.New("pair: pairs are made of the records of a ring buffer or a perf buffer")
	}
	begin := end
	if c.BeginMap != "" && c.BeginMap != o.Map {
		var err error
		if begin, err = newSource(spec, &Output{Map: c.BeginMap, Type: c.BeginType, Layout: c.BeginLayout}); err != nil {
			return nil, nil, fmt.Errorf("pair::begin_map: %w", err)
		}
		if begin.kind != fromBuffer {
			return nil, nil, fmt.Errorf("pair::begin_map: map %s is neither a ring buffer nor a perf buffer", c.BeginMap)
		}
	}
	p := &pairPlan{
		begin: half{src: begin}, end: half{src: end}, at: max((begin.valueSize+7)/8*8, 8),
		timeout: c.Timeout, maxOpen: c.MaxOpen,
	}
	p.size = p.at + end.valueSize
	if p.timeout == 0 {
		p.timeout = defaultPairTimeout
	}
	if p.maxOpen == 0 {
		p.maxOpen = defaultMaxOpen
	}
	if err := p.end.keys("pair::key", c.Key); err != nil {
		return nil, nil, err
	}
	beginKey := c.BeginKey
	if len(beginKey) == 0 {
		beginKey = c.Key
	}
	if err := p.begin.keys("pair::begin_key", beginKey); err != nil {
		return nil, nil, err
	}
	if err := p.begin.conditions("pair::begin", c.Begin); err != nil {
		return nil, nil, err
	}
	if err := p.end.conditions("pair::end", c.End); err != nil {
		return nil, nil, err
	}
	joined := &source{kind: fromBuffer, name: end.name, parts: []string{"end", "begin"}, valueSize: p.size}
	joined.root = &btf.Struct{Name: "pair", Size: uint32(p.size), Members: []btf.Member{
		{Name: "begin", Type: begin.root},
		{Name: "end", Type: end.root, Offset: btf.Bits(p.at * 8)},
	}}
	return joined, p, nil
}

func (h *half) require(f *record.Field) { h.need = max(h.need, f.End()) }

func (h *half) keys(key string, paths []string) error {
	for _, path := range paths {
		f, err := h.src.compile(path, record.Options{})
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		h.require(f)
		h.key = append(h.key, f)
	}
	return nil
}

func (h *half) conditions(key string, fields map[string]any) error {
	for _, path := range slices.Sorted(maps.Keys(fields)) {
		place, err := h.src.find(path)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		values, err := choices(fields[path])
		if err != nil {
			return fmt.Errorf("%s::%s: %w", key, path, err)
		}
		c, err := newCondition(place, values)
		if err != nil {
			return fmt.Errorf("%s::%s: %w", key, path, err)
		}
		h.require(c.field)
		h.when = append(h.when, c)
	}
	return nil
}

func newCondition(place record.Place, values []any) (c condition, err error) {
	if _, ok := btf.UnderlyingType(place.Type).(*btf.Array); ok {
		c.field, err = record.CompileAt(place, record.Options{Format: record.String})
		for _, v := range values {
			c.texts = append(c.texts, fmt.Sprint(v))
		}
		return c, err
	}
	if c.field, err = record.CompileAt(place, record.Options{Format: record.Integer}); err != nil {
		return c, err
	}
	size, err := record.Sizeof(place.Type)
	if err != nil {
		return c, err
	}
	for _, v := range values {
		// As it would stand in the record.
		raw := make([]byte, size)
		if err := encode(raw, place.Type, v); err != nil {
			return c, err
		}
		whole, err := record.CompileAt(record.Place{Type: place.Type}, record.Options{Format: record.Integer})
		if err != nil {
			return c, err
		}
		c.numbers = append(c.numbers, whole.Int(raw))
	}
	return c, nil
}

// processes finds the process IDs of the two records by the path of that of the joined
// one, so that what is of nobody does not wait.
func (p *pairPlan) processes(path string) {
	compile := func(h *half, path string) {
		if f, err := h.src.compile(path, record.Options{Format: record.Integer}); err == nil {
			h.process = f
			h.require(f)
		}
	}
	if inner, ok := strings.CutPrefix(path, "begin."); ok {
		compile(&p.begin, inner)
		return
	}
	path = strings.TrimPrefix(path, "end.")
	compile(&p.end, path)
	compile(&p.begin, path)
}

// require makes records too short that lack a field of the joined record.
func (p *pairPlan) require(f *record.Field) {
	if f.Offset() >= p.at {
		p.end.need = max(p.end.need, f.End()-p.at)
	} else {
		p.begin.need = max(p.begin.need, f.End())
	}
}
