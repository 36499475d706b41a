// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package object

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/cilium/ebpf"
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
