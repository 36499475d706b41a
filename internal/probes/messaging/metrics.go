// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package messaging

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/otel/semconv/v1.40.0/messagingconv"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/aggregate"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// durationBounds are the conventions' boundaries, in seconds.
var durationBounds = []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}

// durations is the index of a series' histogram.
const durations = 0

// Indices of a series' sums.
const (
	sent = iota
	consumed
)

// The metrics of brokers. The conventions have metrics of clients only, and theirs must
// not count a message twice where both ends are observed: hence names of our own.
const (
	BrokerDuration  = "ebpf.messaging.broker.operation.duration"
	BrokerReceived  = "ebpf.messaging.broker.received.messages"
	BrokerDelivered = "ebpf.messaging.broker.delivered.messages"
)

// seriesKey is an attribute set. Its strings are interned.
type seriesKey struct {
	system, operation                    string
	kind                                 Type
	destination, template                string
	subscription, partition, group, fail string
	host                                 string // of clients
	port                                 uint16
}

type series = aggregate.Series[seriesKey]

// aggregation holds the metrics of all processes.
type aggregation struct {
	cfg   MetricsConfig
	table *aggregate.Table[seriesKey]
}

func newAggregation(cfg MetricsConfig) *aggregation {
	return &aggregation{cfg: cfg, table: aggregate.NewTable[seriesKey](cfg.Histogram, cfg.CardinalityLimit)}
}

// record counts an operation and its messages, and returns its series.
func (a *aggregation) record(c *Conn, op *Operation) *series {
	k := seriesKey{
		system: op.System, operation: op.Name, kind: op.Type,
		subscription: op.Subscription, partition: op.Partition, group: op.Group, fail: op.ErrorType,
	}
	if a.cfg.Destinations {
		k.template = op.Template
		// A template stands for names of which there may be any number.
		if k.template == "" && !op.Temporary && !op.Anonymous {
			k.destination = op.Destination
		}
	}
	if c.Role == stream.Client {
		k.host, k.port = c.ServerAddress, c.ServerPort
	}
	which := consumed
	if op.Type == Send {
		which = sent
	}
	s := a.table.Find(&c.cursors[which], c.Process, c.Role, k, op.Start)
	// What is pushed to a client is no operation that the client began.
	if c.Role == stream.Server || !op.pushed() {
		a.table.Record(s, durations, durationBounds, op.seconds())
	}
	if len(op.Shares) == 0 {
		s.Sums[which] += uint64(op.Messages)
	}
	for i := range op.Shares {
		share := &op.Shares[i]
		if k.partition = share.Partition; a.cfg.Destinations {
			k.destination = share.Destination
		}
		var cursor aggregate.Cursor[seriesKey]
		a.table.Find(&cursor, c.Process, c.Role, k, op.Start).Sums[which] += uint64(share.Messages)
	}
	return s
}

func instruments() []aggregate.Instrument {
	var (
		cd messagingconv.ClientOperationDuration
		cs messagingconv.ClientSentMessages
		cc messagingconv.ClientConsumedMessages
	)
	return []aggregate.Instrument{
		{Role: stream.Client, Name: cd.Name(), Unit: cd.Unit(), Description: cd.Description(), Index: durations},
		{Role: stream.Client, Name: cs.Name(), Unit: cs.Unit(), Description: cs.Description(), Sum: true, Index: sent},
		{Role: stream.Client, Name: cc.Name(), Unit: cc.Unit(), Description: cc.Description(), Sum: true, Index: consumed},
		{Role: stream.Server, Name: BrokerDuration, Unit: "s", Description: "Duration of messaging operations, as the broker saw them.", Index: durations},
		{Role: stream.Server, Name: BrokerReceived, Unit: "{message}", Description: "Number of messages that the broker received from producers.", Sum: true, Index: sent},
		{Role: stream.Server, Name: BrokerDelivered, Unit: "{message}", Description: "Number of messages that the broker delivered to consumers.", Sum: true, Index: consumed},
	}
}

// collect emits all series. It retires those of processes that gone tells.
func (a *aggregation) collect(emit probe.Emitter, clock probe.Clock, now pcommon.Timestamp, gone func(*probe.ProcessInfo) bool) {
	a.table.Collect(&aggregate.Collection[seriesKey]{
		Emit: emit, Clock: clock, Now: now, Instruments: instruments(), Attributes: attributes, Gone: gone,
	})
}

func attributes(m pcommon.Map, _ stream.Role, k *seriesKey) {
	m.EnsureCapacity(8)
	m.PutStr(keySystem, k.system)
	m.PutStr(keyOperation, k.operation)
	m.PutStr(keyType, string(k.kind))
	put(m, keyDestination, k.destination)
	put(m, keyTemplate, k.template)
	put(m, keySubscription, k.subscription)
	put(m, keyPartition, k.partition)
	put(m, keyGroup, k.group)
	put(m, keyErrorType, k.fail)
	if k.host != "" {
		m.PutStr(keyServerAddress, k.host)
		m.PutInt(keyServerPort, int64(k.port))
	}
}
