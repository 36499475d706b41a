// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package object

import (
	"hash/maphash"
	"strconv"
	"time"

	"github.com/cilium/ebpf"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/intern"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/tracing"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/object/record"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// shared is what the sinks of one object have in common.
type shared struct {
	emit     probe.Emitter
	resolver *resolver
	strings  *intern.Strings
	scratch  record.Scratch
	ids      tracing.IDs
	seeds    [3]maphash.Seed // of trace IDs and of span IDs
	buf      []byte
	maps     map[string]*ebpf.Map
	signals  probe.Signals
}

func newShared(set *probe.Settings) *shared {
	s := &shared{
		emit: set.Emit, resolver: newResolver(set.Clock), strings: intern.New(), ids: tracing.NewIDs(), signals: set.Signals,
	}
	for i := range s.seeds {
		s.seeds[i] = maphash.MakeSeed()
	}
	return s
}

// sink makes telemetry of what an output says. It is used on one goroutine.
type sink struct {
	*output
	*shared
	values []record.Value
	table  *table // of a metric
	pairs  *pairs // of records that are joined
}

func newSink(o *output, s *shared, limit int, start pcommon.Timestamp) *sink {
	k := &sink{output: o, shared: s, values: make([]record.Value, len(o.fields)), pairs: newPairs(o.pair)}
	if o.metric != nil && s.signals.Has(probe.Metrics) {
		k.table = newTable(o.metric, limit, start)
	}
	return k
}

// wanted tells whether a pipeline takes anything of the output.
func (k *sink) wanted() bool {
	return k.table != nil || k.log != nil && k.signals.Has(probe.Logs) || k.span != nil && k.signals.Has(probe.Traces)
}

// read reads the shown fields of a record.
func (k *sink) read(rec []byte) {
	k.scratch.Reset()
	for i := range k.fields {
		f := &k.fields[i]
		v := &k.values[i]
		f.Read(rec, v, &k.scratch)
		if v.Kind == record.Ref {
			k.resolve(f, rec, v)
		}
	}
}

func (k *sink) resolve(f *field, rec []byte, v *record.Value) {
	if f.stacks != "" {
		var pid uint32
		if f.pid != nil {
			pid = uint32(f.pid.Int(rec))
		}
		v.Text = k.resolver.stacks.stack(k.maps[f.stacks], v.Int, pid)
	} else {
		v.Text = k.resolver.text(f.Format, v.Int)
	}
	v.Kind = record.Text
	if v.Text == "" {
		v.Kind = record.None
	}
}

// stamp is the time of a record: now, if it has none or leaves it at 0.
func (k *sink) stamp(rec []byte) pcommon.Timestamp {
	c := k.resolver.clock
	if k.time != nil {
		if n := k.time.Int(rec); n != 0 {
			return c.stamp(k.clock, n)
		}
	}
	return c.Timestamp(c.Now())
}

// put writes the attributes.
func (k *sink) put(m pcommon.Map) {
	m.EnsureCapacity(k.attributes)
	for i := range k.attributes {
		f, v := &k.fields[i], &k.values[i]
		switch v.Kind {
		case record.None:
		case record.Int:
			m.PutInt(f.name, v.Int)
		case record.Uint:
			m.PutStr(f.name, strconv.FormatUint(uint64(v.Int), 10)) // OpenTelemetry's integers are signed
		case record.Float:
			m.PutDouble(f.name, v.Float)
		case record.Bool:
			m.PutBool(f.name, v.Int != 0)
		case record.Text:
			m.PutStr(f.name, v.Text)
		case record.Bytes:
			m.PutStr(f.name, k.strings.Str(v.Bytes))
		case record.Ints:
			list := m.PutEmptySlice(f.name)
			list.EnsureCapacity(f.Len(v))
			for n := range f.Len(v) {
				list.AppendEmpty().SetInt(f.At(v.Bytes, n))
			}
		}
	}
}

// text appends a field as text.
func (k *sink) text(buf []byte, i int) []byte {
	f, v := &k.fields[i], &k.values[i]
	switch v.Kind {
	case record.Int:
		return strconv.AppendInt(buf, v.Int, 10)
	case record.Uint:
		return strconv.AppendUint(buf, uint64(v.Int), 10)
	case record.Float:
		return strconv.AppendFloat(buf, v.Float, 'g', -1, 64)
	case record.Bool:
		return strconv.AppendBool(buf, v.Int != 0)
	case record.Text:
		return append(buf, v.Text...)
	case record.Bytes:
		return append(buf, v.Bytes...)
	case record.Ints:
		buf = append(buf, '[')
		for n := range f.Len(v) {
			if n > 0 {
				buf = append(buf, ' ')
			}
			buf = strconv.AppendInt(buf, f.At(v.Bytes, n), 10)
		}
		return append(buf, ']')
	}
	return buf
}

// record makes telemetry of one record, whose length was checked.
func (k *sink) record(rec []byte, p *probe.ProcessInfo) {
	k.read(rec)
	if k.log != nil && k.signals.Has(probe.Logs) {
		k.writeLog(k.emit.LogRecord(p), rec)
	}
	if k.span != nil && k.signals.Has(probe.Traces) {
		k.writeSpan(k.emit.Span(p), rec)
	}
	if k.table != nil {
		k.table.add(k, p, rec)
	}
}

func (k *sink) writeLog(r plog.LogRecord, rec []byte) {
	r.SetEventName(k.log.name)
	r.SetTimestamp(k.stamp(rec))
	r.SetObservedTimestamp(k.resolver.clock.Timestamp(k.resolver.clock.Now()))
	r.SetSeverityNumber(k.log.severity)
	r.SetSeverityText(k.log.severity.String())
	if k.log.body != nil {
		k.buf = k.log.body.Append(k.buf[:0], k.text)
		r.Body().SetStr(k.strings.Str(k.buf))
	}
	k.put(r.Attributes())
}

func (k *sink) writeSpan(s ptrace.Span, rec []byte) {
	p := k.span
	if p.static != "" {
		s.SetName(p.static)
	} else {
		k.buf = p.name.Append(k.buf[:0], k.text)
		s.SetName(k.strings.Str(k.buf))
	}
	s.SetKind(p.kind)
	start, end := k.times(rec)
	s.SetStartTimestamp(start)
	s.SetEndTimestamp(max(end, start))
	s.SetTraceID(pcommon.TraceID(k.traceID(rec)))
	s.SetSpanID(pcommon.SpanID(k.spanID(rec, p.spanID, p.spanKey, true)))
	s.SetParentSpanID(pcommon.SpanID(k.spanID(rec, p.parentID, p.parentKey, false)))
	k.put(s.Attributes())
	if p.failed == nil {
		return
	}
	n := p.failed.Int(rec)
	failed := n < 0
	switch p.failedIf {
	case NotZero:
		failed = n != 0
	case Zero:
		failed = n == 0
	}
	if failed {
		s.Status().SetCode(ptrace.StatusCodeError)
		if _, ok := s.Attributes().Get("error.type"); !ok {
			s.Attributes().PutStr("error.type", errorType(n))
		}
	}
}

// times are the start and the end of a span.
func (k *sink) times(rec []byte) (start, end pcommon.Timestamp) {
	p, c := k.span, k.resolver.clock
	var duration pcommon.Timestamp
	if p.duration != nil {
		if d := p.duration.Number(rec) * p.durationUnit; d > 0 && d < float64(1<<62) {
			duration = pcommon.Timestamp(d)
		}
	}
	switch {
	case p.start != nil && p.end != nil:
		return c.stamp(k.clock, p.start.Int(rec)), c.stamp(k.clock, p.end.Int(rec))
	case p.start != nil:
		start = c.stamp(k.clock, p.start.Int(rec))
		return start, start + duration
	case p.end != nil:
		end = c.stamp(k.clock, p.end.Int(rec))
	default:
		end = k.stamp(rec)
	}
	return end - min(duration, end), end
}

func (k *sink) traceID(rec []byte) (id [16]byte) {
	p := k.span
	if p.traceID != nil {
		copy(id[:], p.traceID.Raw(rec))
	} else if len(p.traceKey) > 0 {
		key := k.key(rec, p.traceKey)
		putHash(id[:8], maphash.Bytes(k.seeds[0], key))
		putHash(id[8:], maphash.Bytes(k.seeds[1], key))
	}
	if id == [16]byte{} {
		return k.ids.Trace()
	}
	return id
}

// spanID is what is in a field or made of a key; what is needed and 0 is made at random.
func (k *sink) spanID(rec []byte, field *record.Field, keys []*record.Field, needed bool) (id [8]byte) {
	if field != nil {
		copy(id[:], field.Raw(rec))
	} else if len(keys) > 0 {
		putHash(id[:], maphash.Bytes(k.seeds[2], k.key(rec, keys)))
	}
	if needed && id == [8]byte{} {
		return k.ids.Span()
	}
	return id
}

func putHash(into []byte, h uint64) {
	for i := range into {
		into[i] = byte(h >> (8 * i))
	}
}

// key spells the values of some fields so that equal ones have equal bytes.
func (k *sink) key(rec []byte, fields []*record.Field) []byte {
	k.buf = k.buf[:0]
	var v record.Value
	for _, f := range fields {
		f.Read(rec, &v, &k.scratch)
		k.buf = appendKey(k.buf, &v)
	}
	return k.buf
}

// appendKey spells a value with its kind and, of text, its length.
func appendKey(buf []byte, v *record.Value) []byte {
	number := func(n uint64) {
		for i := range 8 {
			buf = append(buf, byte(n>>(8*i)))
		}
	}
	switch v.Kind {
	case record.Int, record.Uint, record.Bool, record.Ref:
		buf = append(buf, 'n')
		number(uint64(v.Int))
	case record.Float:
		buf = append(buf, 'f')
		number(floatBits(v.Float))
	case record.Text:
		buf = append(buf, 't')
		number(uint64(len(v.Text)))
		buf = append(buf, v.Text...)
	case record.Bytes, record.Ints:
		buf = append(buf, 't')
		number(uint64(len(v.Bytes)))
		buf = append(buf, v.Bytes...)
	default:
		buf = append(buf, '-')
	}
	return buf
}

// unit of the limiter: records that are allowed in one second.
type limiter struct {
	limit, left uint64
	since       time.Time
}

// renew lets as many through as the time allows, at most those of a second.
func (l *limiter) renew(now time.Time) {
	if l.since.IsZero() {
		l.since, l.left = now, l.limit
		return
	}
	if more := uint64(now.Sub(l.since).Seconds() * float64(l.limit)); more > 0 {
		l.left = min(l.limit, l.left+more)
		l.since = now
	}
}

func (l *limiter) allow() bool {
	if l.left == 0 {
		return false
	}
	l.left--
	return true
}
