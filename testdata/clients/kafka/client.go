// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kversion"
	"github.com/twmb/franz-go/pkg/sasl/plain"
)

// work is what a client is asked to do.
type work struct {
	broker, topic, group, acks, compress, version string
	records, size, inFlight, batch, topics        int
	traces, consume, sasl, sync                   bool
}

// hook counts the requests that a client writes and the responses it reads.
type hook struct {
	mu     sync.Mutex
	counts *Counts
}

var (
	_ kgo.HookBrokerWrite = (*hook)(nil)
	_ kgo.HookBrokerRead  = (*hook)(nil)
)

func (h *hook) OnBrokerWrite(_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil {
		h.counts.Requests[name(key)]++
	}
}

func (h *hook) OnBrokerRead(_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil {
		h.counts.Responses[name(key)]++
	}
}

// client produces and consumes, and prints its Counts.
func client(args []string) error {
	var w work
	flags := flag.NewFlagSet("client", flag.ContinueOnError)
	flags.StringVar(&w.broker, "broker", "", "address of the broker")
	flags.StringVar(&w.topic, "topic", "", "name of the topic")
	flags.StringVar(&w.group, "group", "", "consumer group; without it all partitions are consumed")
	flags.StringVar(&w.acks, "acks", "all", "all, leader or none")
	flags.StringVar(&w.compress, "compress", "none", "none, gzip, snappy, lz4 or zstd")
	flags.StringVar(&w.version, "version", "", "newest version of Kafka that the client knows, as 0.11.0")
	flags.IntVar(&w.records, "records", 100, "to produce, and with -consume to consume")
	flags.IntVar(&w.size, "size", 20, "bytes of a value")
	flags.IntVar(&w.inFlight, "in-flight", 1, "requests without a response")
	flags.IntVar(&w.batch, "batch", 1<<20, "most bytes of a batch")
	flags.IntVar(&w.topics, "topics", 1, "number of topics")
	flags.BoolVar(&w.traces, "traces", false, "send trace context in headers")
	flags.BoolVar(&w.consume, "consume", false, "consume what was produced")
	flags.BoolVar(&w.sasl, "sasl", false, "authenticate")
	wait := flags.Bool("wait", false, "begin with a line on the standard input")
	flags.BoolVar(&w.sync, "sync", false, "wait for each record before the next")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *wait {
		if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	h := &hook{counts: newCounts()}
	if w.records > 0 {
		if err := w.produce(ctx, h); err != nil {
			return err
		}
	}
	if w.consume {
		if err := w.consumeAll(ctx, h); err != nil {
			return err
		}
	}
	return h.counts.print()
}

func (w *work) options(h *hook) []kgo.Opt {
	opts := []kgo.Opt{
		kgo.SeedBrokers(w.broker), kgo.WithHooks(h), kgo.ClientID("kafkatest"), kgo.AllowAutoTopicCreation(), kgo.DisableClientMetrics(),
		kgo.Dialer((&net.Dialer{Timeout: 5 * time.Second}).DialContext),
	}
	if w.version != "" {
		opts = append(opts, kgo.MaxVersions(kversion.FromString("v"+w.version)))
	}
	if w.sasl {
		opts = append(opts, kgo.SASL(plain.Auth{User: "admin", Pass: "secret"}.AsMechanism()))
	}
	return opts
}

func (w *work) names() []string {
	if w.topics <= 1 {
		return []string{w.topic}
	}
	var names []string
	for i := range w.topics {
		names = append(names, fmt.Sprint(w.topic, i))
	}
	return names
}

func (w *work) produce(ctx context.Context, h *hook) error {
	compression := map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}
	opts := append(w.options(h), kgo.ProducerBatchCompression(compression[w.compress]), kgo.ProducerBatchMaxBytes(int32(w.batch)))
	switch w.acks {
	case "all":
		if w.inFlight > 1 {
			opts = append(opts, kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(w.inFlight))
		}
	case "leader":
		opts = append(opts, kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(w.inFlight))
	case "none":
		opts = append(opts, kgo.RequiredAcks(kgo.NoAck()), kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(w.inFlight))
	}
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		return err
	}
	defer cl.Close()
	value := []byte(strings.Repeat("v", w.size))
	var done atomic.Int64
	names := w.names()
	for i := range w.records {
		r := &kgo.Record{Topic: names[i%len(names)], Value: value, Key: fmt.Appendf(nil, "key-%d", i)}
		if w.traces {
			r.Headers = []kgo.RecordHeader{
				{Key: "unrelated", Value: []byte("header")},
				{Key: "traceparent", Value: fmt.Appendf(nil, "00-%032x-%016x-01", i+1, i+1)},
				{Key: "tracestate", Value: []byte("test=1")},
			}
		}
		h.counts.Produced[r.Topic]++
		if w.sync {
			_ = cl.ProduceSync(ctx, r) // the broker may be told to refuse
			continue
		}
		cl.Produce(ctx, r, func(*kgo.Record, error) { done.Add(1) })
	}
	return cl.Flush(ctx)
}

func (w *work) consumeAll(ctx context.Context, h *hook) error {
	opts := append(w.options(h), kgo.ConsumeTopics(w.names()...), kgo.FetchMaxWait(200*time.Millisecond),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if w.group != "" {
		opts = append(opts, kgo.ConsumerGroup(w.group), kgo.DisableAutoCommit())
	}
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		return err
	}
	defer cl.Close()
	for n := 0; n < w.records; {
		fetches := cl.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("%d of %d records consumed: %w", n, w.records, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			h.counts.Consumed[r.Topic]++
			n++
		})
	}
	if w.group != "" {
		return cl.CommitUncommittedOffsets(ctx)
	}
	return nil
}
