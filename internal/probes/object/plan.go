// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package object

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/object/record"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// plan is what was compiled for one variant of an object.
type plan struct {
	outputs []*output
	losses  []loss
}

// loss is a counter of the object's own.
type loss struct {
	cause  probe.Cause
	name   string
	global bool
	size   int // bytes of one counter
}

// output is an [Output] that was compiled for the types of an object.
type output struct {
	cfg  *Output
	what string // for messages
	src  *source
	// end is how long a record must be, in bytes.
	end     int
	fields  []field
	process *record.Field
	keep    bool // records of processes that are not selected
	time    *record.Field
	clock   ClockName

	log    *logPlan
	span   *spanPlan
	metric *metricPlan
	pair   *pairPlan
	// attributes is how many of fields are attributes; the others are for bodies and names.
	attributes int
}

// field is a field of the record that is shown.
type field struct {
	*record.Field
	name   string // of the attribute
	stacks string
	pid    *record.Field
	scaled bool
}

type logPlan struct {
	name     string
	severity plog.SeverityNumber
	body     *record.Template
}

// newPlan compiles what the outputs say for the types of an object.
//
// Returns an error that names what is wrong and what there is.
func newPlan(cfg *Config, spec *ebpf.CollectionSpec) (*plan, error) {
	p := &plan{}
	all, err := outputs(cfg, spec)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("there are no outputs: neither the configuration nor a tag of the object says what its maps become; it has the maps %s", names(maps.Keys(spec.Maps), isSection))
	}
	metrics := map[string]*Metric{}
	for i := range all {
		o := &all[i]
		what := fmt.Sprintf("outputs::%d (%s)", i, o.source())
		c, err := newOutput(spec, o)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		c.what = what
		if m := o.Metric; m != nil {
			if before := metrics[m.Name]; before != nil && (before.Type != m.Type || before.Unit != m.Unit) {
				return nil, fmt.Errorf("%s: metric::name: another output has a metric %q of another type or unit", what, m.Name)
			}
			metrics[m.Name] = m
		}
		p.outputs = append(p.outputs, c)
	}
	p.losses, err = newLosses(cfg, spec)
	return p, err
}

// signals are those that the outputs produce.
func (p *plan) signals() probe.Signals {
	var s probe.Signals
	for _, o := range p.outputs {
		if o.log != nil {
			s |= probe.Logs
		}
		if o.span != nil {
			s |= probe.Traces
		}
		if o.metric != nil {
			s |= probe.Metrics
		}
	}
	return s
}

// processes tells whether an output needs to know processes.
func (p *plan) processes() bool {
	return slices.ContainsFunc(p.outputs, func(o *output) bool { return o.process != nil })
}

// compiler makes one output.
type compiler struct {
	*output
	spec *ebpf.CollectionSpec
}

func newOutput(spec *ebpf.CollectionSpec, o *Output) (*output, error) {
	src, err := newSource(spec, o)
	if err != nil {
		return nil, err
	}
	var pair *pairPlan
	if o.Pair != nil {
		if src, pair, err = newPair(spec, o, src); err != nil {
			return nil, err
		}
	}
	c := &compiler{spec: spec, output: &output{cfg: o, src: src, pair: pair, keep: o.Unselected == Keep, clock: o.Clock}}
	if c.clock == "" {
		c.clock = Monotonic
	}
	if err := c.possible(); err != nil {
		return nil, err
	}
	if err := c.attributeFields(); err != nil {
		return nil, err
	}
	c.attributes = len(c.fields)
	if err := c.processField(); err != nil {
		return nil, err
	}
	if c.time, err = c.integer("timestamp", o.Timestamp); err != nil {
		return nil, err
	}
	if o.Log != nil {
		err = c.logs()
	}
	if err == nil && o.Span != nil {
		err = c.spans()
	}
	if err == nil && o.Metric != nil {
		err = c.metrics()
	}
	if err != nil {
		return nil, err
	}
	for _, f := range c.fields {
		c.need(f.Field)
	}
	return c.output, nil
}

// possible refuses signals that cannot come of the source.
func (c *compiler) possible() error {
	o := c.cfg
	if o.Log == nil && o.Span == nil && o.Metric == nil {
		return errors.New("none of log, span and metric says what it becomes")
	}
	if k := c.src.kind; k == fromMap || k == fromGlobal {
		if o.Log != nil || o.Span != nil {
			return errors.New("entries become metrics only: logs and spans are made of the records of a ring buffer, a perf buffer or an iterator")
		}
		if o.Timestamp != "" {
			return errors.New("timestamp: entries have the time of the collection")
		}
	}
	if m := o.Metric; c.src.kind == fromIter && m != nil && (m.Type == Histogram || m.Type == ExponentialHistogram) {
		return errors.New("metric::type: an iterator tells what there is at a moment: a gauge or a sum, and no histogram")
	}
	return nil
}

// need makes records without the field too short.
func (c *compiler) need(f *record.Field) {
	switch {
	case f == nil:
	case c.pair != nil:
		c.pair.require(f)
	default:
		c.end = max(c.end, f.End())
	}
}

// integer compiles a field that must be an integer; no path, no field.
func (c *compiler) integer(key, path string) (*record.Field, error) {
	if path == "" {
		return nil, nil
	}
	f, err := c.src.compile(path, record.Options{Format: record.Integer})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	c.need(f)
	return f, nil
}

// attributeFields compiles the attributes: those of tags, and above them those of the
// configuration.
func (c *compiler) attributeFields() error {
	type chosen struct {
		place record.Place
		attribute
	}
	var all []chosen
	at := map[string]int{}
	metricOnly := c.cfg.Log == nil && c.cfg.Span == nil
	inEnd := map[string]bool{}
	for _, p := range c.leaves() {
		a, tagged, err := fieldTag(p.Path, p.Tags)
		if err != nil {
			return err
		}
		inKey := c.isKey(p.Path)
		if !tagged && (c.cfg.Attributes != nil || metricOnly && !inKey) {
			continue
		}
		if !tagged {
			a = attribute{name: strings.TrimPrefix(p.Path, "key.")}
		}
		if c.pair != nil {
			// What both records have is told once.
			inner, ofEnd := strings.CutPrefix(p.Path, "end.")
			if !tagged {
				a.name = strings.TrimPrefix(inner, "begin.")
			}
			if inEnd[a.name] && !ofEnd {
				continue
			}
			inEnd[a.name] = inEnd[a.name] || ofEnd
		}
		at[p.Path] = len(all)
		all = append(all, chosen{p, a})
	}
	for _, path := range slices.Sorted(maps.Keys(c.cfg.Attributes)) {
		a, err := parseAttribute(path, c.cfg.Attributes[path])
		if err != nil {
			return fmt.Errorf("attributes::%s: %w", path, err)
		}
		p, err := c.src.find(path)
		if err != nil {
			return fmt.Errorf("attributes::%s: %w", path, err)
		}
		i, ok := at[canonical(c.src, path, p)]
		if !ok {
			i = len(all)
			all = append(all, chosen{})
		}
		all[i] = chosen{p, a}
	}
	owner := map[string]string{}
	for i := range all {
		if all[i].drop {
			continue
		}
		name := all[i].name
		if other, ok := owner[name]; ok {
			return fmt.Errorf("attributes::%s: the attribute %q is made of field %q, too", all[i].place.Path, name, other)
		}
		owner[name] = all[i].place.Path
		f, err := c.field(all[i].place, &all[i].attribute)
		if err != nil {
			return fmt.Errorf("attributes: %w", err)
		}
		c.fields = append(c.fields, f)
	}
	return nil
}

// leaves are the fields of the source, of joined records those of the end first.
func (c *compiler) leaves() []record.Place {
	all := record.Leaves(c.src.root)
	if c.pair != nil {
		slices.SortStableFunc(all, func(a, b record.Place) int {
			return cmp.Compare(min(b.Bit/8/uint32(c.pair.at), 1), min(a.Bit/8/uint32(c.pair.at), 1))
		})
	}
	return all
}

// isKey tells whether a path leads into the key of an entry that is one of many.
func (c *compiler) isKey(path string) bool {
	switch c.src.kind {
	case fromMap:
		return c.src.entries != 1 && (path == "key" || strings.HasPrefix(path, "key."))
	case fromGlobal:
		return c.src.entries != 1 && path == "key"
	}
	return false
}

// canonical is the path by which the leaves know a place.
func canonical(s *source, path string, p record.Place) string {
	for _, part := range append([]string{""}, s.parts...) {
		full := strings.TrimPrefix(part+"."+path, ".")
		if q, err := record.Find(s.root, full); err == nil && q.Bit == p.Bit && q.Type == p.Type {
			return full
		}
	}
	return path
}

// field compiles a field that is shown.
func (c *compiler) field(p record.Place, a *attribute) (field, error) {
	o := record.Options{Format: a.as, Scale: a.scale, Unit: a.unit}
	if a.enum != "" {
		t, err := typeOf(c.spec, a.enum)
		if err != nil {
			return field{}, fmt.Errorf("field %q: enum: %w", p.Path, err)
		}
		e, ok := btf.UnderlyingType(t).(*btf.Enum)
		if !ok {
			return field{}, fmt.Errorf("field %q: enum: %s is no enum", p.Path, record.Describe(t))
		}
		o.Enum = e
	}
	f, err := record.CompileAt(p, o)
	if err != nil {
		return field{}, err
	}
	shown := field{Field: f, name: a.name, scaled: a.scale != 0}
	if a.stacks != "" {
		m := c.spec.Maps[a.stacks]
		if m == nil || m.Type != ebpf.StackTrace {
			return field{}, fmt.Errorf("field %q: stacks: the object has no map of stack traces %q", p.Path, a.stacks)
		}
		shown.stacks = a.stacks
		if a.pid != "" {
			if shown.pid, err = c.integer("pid", a.pid); err != nil {
				return field{}, fmt.Errorf("field %q: %w", p.Path, err)
			}
		}
	}
	return shown, nil
}

// processField finds the field with the process ID.
func (c *compiler) processField() (err error) {
	switch c.cfg.Process {
	case "none":
		return nil
	case "":
		for _, f := range c.fields[:c.attributes] {
			if f.name == "process.pid" && f.Integer() {
				c.process = f.Field
				if c.pair != nil {
					c.pair.processes(f.Path)
				}
				return nil
			}
		}
		return nil
	}
	c.process, err = c.integer("process", c.cfg.Process)
	if err == nil && c.pair != nil {
		c.pair.processes(c.cfg.Process)
	}
	return err
}

// template compiles a text with fields.
func (c *compiler) template(key, text string) (*record.Template, error) {
	t, err := record.ParseTemplate(text, func(path string) (int, error) {
		for i, f := range c.fields {
			if f.Path == path && f.Unit == "" && !f.scaled {
				return i, nil
			}
		}
		p, err := c.src.find(path)
		if err != nil {
			return 0, err
		}
		a, _, err := fieldTag(path, p.Tags)
		if err != nil {
			return 0, err
		}
		// A text shows the field as it is, not in the unit of an attribute.
		a.scale, a.unit = 0, ""
		f, err := c.field(p, &a)
		if err != nil {
			return 0, err
		}
		c.fields = append(c.fields, f)
		return len(c.fields) - 1, nil
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return t, nil
}

func (c *compiler) logs() (err error) {
	l := c.cfg.Log
	c.log = &logPlan{name: l.Name}
	if c.log.severity, err = severityOf(l.Severity); err != nil {
		return fmt.Errorf("log::severity: %w", err)
	}
	if l.Body != "" {
		c.log.body, err = c.template("log::body", l.Body)
	}
	return err
}
