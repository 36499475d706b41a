// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package object

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/object/record"
)

// Output says what the records of a buffer or an iterator, or the entries of a map become.
// Exactly one of Map, Global and Iter is set.
type Output struct {
	// Map is a ring buffer, a perf buffer, a hash or an array.
	Map string `mapstructure:"map"`
	// Global is a global variable of the object, whose elements, if it is an array, are
	// taken as the entries of an array.
	Global string `mapstructure:"global"`
	// Iter is a program that iterates. It is run at each collection.
	Iter string `mapstructure:"iter"`
	// Type is the struct of the records, where the map does not tell.
	Type string `mapstructure:"type"`
	// Layout declares it in C, where the object has no such type.
	Layout string `mapstructure:"layout"`

	// Process is the field with the ID of the process that the record is about, under whose
	// resource the telemetry goes. Without it, it is the field of the attribute
	// "process.pid". "none" means that there is none.
	Process string `mapstructure:"process"`
	// Unselected says what becomes of what is about processes that are not observed.
	Unselected Unselected `mapstructure:"unselected"`
	// Timestamp is the field with the time of the event. Without it, it is when the record
	// was read.
	Timestamp string `mapstructure:"timestamp"`
	// Clock is that of Timestamp and of a span's times.
	Clock ClockName `mapstructure:"clock"`
	// Attributes are the fields that become attributes. A string is the attribute's name.
	// A map has "name" and options. "false" leaves the field out. Without a section,
	// logs and spans have all fields and metrics have those with a tag.
	Attributes map[string]any `mapstructure:"attributes"`

	// Pair joins two records, of a beginning and of an end, into one.
	Pair *Pair `mapstructure:"pair"`

	Log    *Log    `mapstructure:"log"`
	Metric *Metric `mapstructure:"metric"`
	Span   *Span   `mapstructure:"span"`
}

// Unselected says what becomes of telemetry of processes that are not observed.
type Unselected string

// The choices. Drop is the default.
const (
	Drop Unselected = "drop"
	Keep Unselected = "keep" // without a resource of the process
)

// ClockName names a clock of the kernel.
type ClockName string

// The clocks. Monotonic, that of bpf_ktime_get_ns, is the default.
const (
	Monotonic ClockName = "monotonic"
	Boot      ClockName = "boot" // bpf_ktime_get_boot_ns
	Wall      ClockName = "wall" // nanoseconds since 1970
)

// Log makes a log record of each record.
type Log struct {
	// Name is the event's name.
	Name string `mapstructure:"name"`
	// Severity is a name, as in "warn". The default is "info".
	Severity string `mapstructure:"severity"`
	// Body is a text with fields in braces, as in "{task} waited {delta_us} us".
	Body string `mapstructure:"body"`
}

// Span makes a span of each record.
type Span struct {
	// Name is a text with fields in braces.
	Name string `mapstructure:"name"`
	// Kind is "internal" (the default), "server", "client", "producer" or "consumer".
	Kind string `mapstructure:"kind"`
	// Start and End are the fields with its times, on the output's clock; two of Start,
	// End and Duration are enough. With Duration alone it ends at the record's time.
	Start string `mapstructure:"start"`
	End   string `mapstructure:"end"`
	// Duration is the field with its duration, in DurationUnit, which is "ns" by default.
	Duration     string `mapstructure:"duration"`
	DurationUnit string `mapstructure:"duration_unit"`
	// Error is a number: the span failed if it is below 0, or as ErrorIf says.
	Error   string  `mapstructure:"error"`
	ErrorIf ErrorIf `mapstructure:"error_if"`
	// TraceID, SpanID and ParentID are fields with IDs, of 16 and 8 bytes. What is 0 is made.
	TraceID  string `mapstructure:"trace_id"`
	SpanID   string `mapstructure:"span_id"`
	ParentID string `mapstructure:"parent_id"`
	// TraceKey, SpanKey and ParentKey are fields of which IDs are made: where they have the
	// same values, the IDs are the same, in all outputs of the object.
	TraceKey  []string `mapstructure:"trace_key"`
	SpanKey   []string `mapstructure:"span_key"`
	ParentKey []string `mapstructure:"parent_key"`
}

// ErrorIf says which values of a field mean an error.
type ErrorIf string

// The choices. Negative is the default.
const (
	Negative ErrorIf = "negative"
	NotZero  ErrorIf = "not_zero"
	Zero     ErrorIf = "zero"
)

// Metric makes a metric.
type Metric struct {
	Name        string     `mapstructure:"name"`
	Description string     `mapstructure:"description"`
	Unit        string     `mapstructure:"unit"`
	Type        MetricType `mapstructure:"type"`
	// Value is the field with the value. A sum of records without it counts them; of a map
	// it is the value, if that is a number.
	Value string `mapstructure:"value"`
	// Scale is what values are multiplied by.
	Scale float64 `mapstructure:"scale"`
	// UpDown tells that a sum may fall.
	UpDown bool `mapstructure:"up_down"`
	// Buckets are the upper bounds of an explicit histogram of records.
	Buckets []float64 `mapstructure:"buckets"`
	// Slots is the array of the numbers of a histogram's buckets, in a map. Without it, it
	// is the only array of integers.
	Slots string `mapstructure:"slots"`
	// Slot is the field of a map's key with the number of the bucket that the entry counts.
	Slot string `mapstructure:"slot"`
	// SlotScale says what the buckets of Slots and Slot are: "log2" (the default) are those of
	// powers of two, "linear" those of multiples of SlotWidth.
	SlotScale SlotScale `mapstructure:"slot_scale"`
	SlotWidth float64   `mapstructure:"slot_width"`
	// CPUs says what becomes of the values of a per-CPU map.
	CPUs CPUs `mapstructure:"cpus"`
}

// MetricType is a type of metrics.
type MetricType string

// The types.
const (
	Sum                  MetricType = "sum"
	Gauge                MetricType = "gauge"
	Histogram            MetricType = "histogram"
	ExponentialHistogram MetricType = "exponential_histogram"
)

// SlotScale says what the slots of a histogram stand for.
type SlotScale string

// The scales.
const (
	Log2   SlotScale = "log2"
	Linear SlotScale = "linear"
)

// CPUs says what becomes of the values of a per-CPU map.
type CPUs string

// The choices. Total is the default.
const (
	Total   CPUs = "sum"
	Minimum CPUs = "min"
	Maximum CPUs = "max"
	EachCPU CPUs = "each" // with the attribute cpu.logical_number
)

// oneOf checks a value of a fixed set; empty means the default.
func oneOf[T ~string](key string, v T, known ...T) error {
	if v == "" || slices.Contains(known, v) {
		return nil
	}
	var names []string
	for _, k := range known {
		names = append(names, string(k))
	}
	return fmt.Errorf("%s: %q is not known; known are %s", key, string(v), strings.Join(names, ", "))
}

// source names the output's source for messages.
func (o *Output) source() string {
	switch {
	case o.Map != "":
		return "map " + o.Map
	case o.Global != "":
		return "global variable " + o.Global
	default:
		return "iterator " + o.Iter
	}
}

// check tells what is wrong with an output whatever the object is.
func (o *Output) check() error {
	n := 0
	for _, s := range []string{o.Map, o.Global, o.Iter} {
		if s != "" {
			n++
		}
	}
	if n != 1 {
		return errors.New("one of map, global and iter is needed, which names what it is made of")
	}
	errs := []error{
		oneOf("unselected", o.Unselected, Drop, Keep),
		oneOf("clock", o.Clock, Monotonic, Boot, Wall),
	}
	if o.Type != "" && o.Layout != "" {
		errs = append(errs, errors.New("type and layout exclude each other"))
	}
	for _, path := range slices.Sorted(maps.Keys(o.Attributes)) {
		if _, err := parseAttribute(path, o.Attributes[path]); err != nil {
			errs = append(errs, fmt.Errorf("attributes::%s: %w", path, err))
		}
	}
	if o.Pair != nil {
		errs = append(errs, o.Pair.check())
	}
	if o.Log != nil {
		errs = append(errs, o.Log.check())
	}
	if o.Metric != nil {
		errs = append(errs, o.Metric.check())
	}
	if o.Span != nil {
		errs = append(errs, o.Span.check())
	}
	return errors.Join(errs...)
}

func (l *Log) check() error {
	_, err := severityOf(l.Severity)
	return errors.Join(prefix("log::severity", err), prefix("log::body", record.CheckTemplate(l.Body)))
}

func (s *Span) check() error {
	_, kind := kindOf(s.Kind)
	_, unit := unitOf(s.DurationUnit)
	return errors.Join(
		prefix("span::kind", kind), prefix("span::duration_unit", unit), prefix("span::name", record.CheckTemplate(s.Name)),
		oneOf("span::error_if", s.ErrorIf, Negative, NotZero, Zero),
	)
}

func (m *Metric) check() error {
	errs := []error{
		oneOf("metric::type", m.Type, Sum, Gauge, Histogram, ExponentialHistogram),
		oneOf("metric::slot_scale", m.SlotScale, Log2, Linear),
		oneOf("metric::cpus", m.CPUs, Total, Minimum, Maximum, EachCPU),
	}
	if !slices.IsSorted(m.Buckets) {
		errs = append(errs, errors.New("metric::buckets: they are not in order"))
	}
	if m.SlotScale == Linear && m.SlotWidth <= 0 {
		errs = append(errs, errors.New("metric::slot_width: it must be greater than 0 for linear slots"))
	}
	if m.Slots != "" && m.Slot != "" {
		errs = append(errs, errors.New("metric: slots and slot exclude each other"))
	}
	return errors.Join(errs...)
}

func prefix(path string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", path, err)
}

// severityOf finds a severity by its name.
func severityOf(name string) (plog.SeverityNumber, error) {
	known := map[string]plog.SeverityNumber{
		"trace": plog.SeverityNumberTrace, "debug": plog.SeverityNumberDebug, "info": plog.SeverityNumberInfo,
		"warn": plog.SeverityNumberWarn, "error": plog.SeverityNumberError, "fatal": plog.SeverityNumberFatal,
	}
	if name == "" {
		name = "info"
	}
	if n, ok := known[strings.ToLower(name)]; ok {
		return n, nil
	}
	return 0, fmt.Errorf("%q is not known; known are trace, debug, info, warn, error, fatal", name)
}

// kindOf finds a kind of spans by its name.
func kindOf(name string) (ptrace.SpanKind, error) {
	switch strings.ToLower(name) {
	case "", "internal":
		return ptrace.SpanKindInternal, nil
	case "server":
		return ptrace.SpanKindServer, nil
	case "client":
		return ptrace.SpanKindClient, nil
	case "producer":
		return ptrace.SpanKindProducer, nil
	case "consumer":
		return ptrace.SpanKindConsumer, nil
	}
	return 0, fmt.Errorf("%q is not known; known are internal, server, client, producer, consumer", name)
}

// unitOf gives the nanoseconds of a unit of time.
func unitOf(name string) (float64, error) {
	switch name {
	case "", "ns":
		return 1, nil
	case "us":
		return 1e3, nil
	case "ms":
		return 1e6, nil
	case "s":
		return 1e9, nil
	}
	return 0, fmt.Errorf("%q is no unit of time; known are ns, us, ms, s", name)
}
