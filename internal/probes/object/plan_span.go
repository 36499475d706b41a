// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package object

import (
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/object/record"
)

// spanPlan is a [Span] that was compiled.
type spanPlan struct {
	name                         *record.Template
	static                       string // the name, if it has no fields
	kind                         ptrace.SpanKind
	start, end, duration         *record.Field
	durationUnit                 float64
	failed                       *record.Field
	failedIf                     ErrorIf
	traceID, spanID, parentID    *record.Field
	traceKey, spanKey, parentKey []*record.Field
}

func (c *compiler) spans() (err error) {
	s := c.cfg.Span
	p := &spanPlan{failedIf: s.ErrorIf}
	if p.kind, err = kindOf(s.Kind); err != nil {
		return fmt.Errorf("span::kind: %w", err)
	}
	if p.durationUnit, err = unitOf(s.DurationUnit); err != nil {
		return fmt.Errorf("span::duration_unit: %w", err)
	}
	if s.Name == "" {
		return errors.New("span::name: a span needs one")
	}
	if p.name, err = c.template("span::name", s.Name); err != nil {
		return err
	}
	p.static, _ = p.name.Static()
	for _, f := range []struct {
		key, path string
		into      **record.Field
	}{
		{"start", s.Start, &p.start}, {"end", s.End, &p.end}, {"duration", s.Duration, &p.duration}, {"error", s.Error, &p.failed},
	} {
		if *f.into, err = c.integer("span::"+f.key, f.path); err != nil {
			return err
		}
	}
	switch {
	case p.start != nil && p.end != nil && p.duration != nil:
		return errors.New("span: two of start, end and duration are enough")
	case p.duration == nil && (p.start == nil || p.end == nil):
		return errors.New("span: when it was is not known: two of start, end and duration are needed, or duration alone if it ended at the record's time")
	}
	for _, f := range []struct {
		key, path string
		size      int
		into      **record.Field
	}{
		{"trace_id", s.TraceID, 16, &p.traceID}, {"span_id", s.SpanID, 8, &p.spanID}, {"parent_id", s.ParentID, 8, &p.parentID},
	} {
		if *f.into, err = c.id("span::"+f.key, f.path, f.size); err != nil {
			return err
		}
	}
	for _, f := range []struct {
		key   string
		paths []string
		into  *[]*record.Field
	}{
		{"trace_key", s.TraceKey, &p.traceKey}, {"span_key", s.SpanKey, &p.spanKey}, {"parent_key", s.ParentKey, &p.parentKey},
	} {
		for _, path := range f.paths {
			field, err := c.keyField("span::"+f.key, path)
			if err != nil {
				return err
			}
			*f.into = append(*f.into, field)
		}
	}
	for _, both := range []struct {
		key  string
		id   *record.Field
		keys []*record.Field
	}{{"trace", p.traceID, p.traceKey}, {"span", p.spanID, p.spanKey}, {"parent", p.parentID, p.parentKey}} {
		if both.id != nil && len(both.keys) > 0 {
			return fmt.Errorf("span: %s_id and %s_key exclude each other", both.key, both.key)
		}
	}
	if (p.parentID != nil || len(p.parentKey) > 0) && p.traceID == nil && len(p.traceKey) == 0 {
		return errors.New("span: a parent is in the same trace: trace_id or trace_key is needed, too")
	}
	c.span = p
	return nil
}

// id compiles a field with an ID. A number is taken as the bytes that it has in memory.
func (c *compiler) id(key, path string, size int) (*record.Field, error) {
	if path == "" {
		return nil, nil
	}
	place, err := c.src.find(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	n, err := record.Sizeof(place.Type)
	if err != nil || n != size || place.Bits > 0 {
		return nil, fmt.Errorf("%s: field %q: %s is not %d bytes long", key, path, record.Describe(place.Type), size)
	}
	f, err := record.Raw(place)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	c.need(f)
	return f, nil
}

// keyField compiles a field of a key.
func (c *compiler) keyField(key, path string) (*record.Field, error) {
	f, err := c.src.compile(path, record.Options{})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	c.need(f)
	return f, nil
}
