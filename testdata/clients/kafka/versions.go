// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"flag"
	"fmt"
	"os"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// versions writes a conversation, as the package segmenttest reads it, with a request and a
// response of each version of the APIs whose bodies the dissector reads. Brokers of today no
// longer speak the old ones.
func versions(args []string) error {
	flags := flag.NewFlagSet("versions", flag.ContinueOnError)
	out := flags.String("out", "", "file to write")
	if err := flags.Parse(args); err != nil {
		return err
	}
	f, err := os.Create(*out)
	if err != nil {
		return err
	}
	defer f.Close()
	c := &capturingConn{file: f}
	formatter := kmsg.NewRequestFormatter(kmsg.FormatterClientID("versions"))
	correlation := int32(100)
	say := func(req kmsg.Request, resp kmsg.Response) {
		correlation++
		c.note('>', formatter.AppendRequest(nil, req, correlation))
		b := binary.BigEndian.AppendUint32(make([]byte, 4), uint32(correlation))
		if resp.IsFlexible() {
			b = append(b, 0)
		}
		b = resp.AppendTo(b)
		binary.BigEndian.PutUint32(b, uint32(len(b)-4))
		c.note('<', b)
	}
	for v := range int16(14) {
		say(metadataOf(v))
	}
	for v := range int16(14) {
		say(produceOf(v))
	}
	for v := range int16(19) {
		say(fetchOf(v))
	}
	for v := range int16(11) {
		say(commitOf(v))
	}
	return nil
}

// The topics of the conversation: each has its letter as all bytes of its id.
var topicNames = []string{"alpha", "beta"}

func idOf(name string) (id [16]byte) {
	for i := range id {
		id[i] = name[0]
	}
	return id
}

func pointer[T any](v T) *T { return &v }

// unknown are tagged fields that nobody knows.
func unknown() (t kmsg.Tags) {
	t.Set(90, []byte("unknown"))
	t.Set(300, nil)
	return t
}

func metadataOf(v int16) (kmsg.Request, kmsg.Response) {
	req := kmsg.NewPtrMetadataRequest()
	req.Version = v
	resp := kmsg.NewPtrMetadataResponse()
	resp.Version = v
	for i := range int32(3) {
		b := kmsg.NewMetadataResponseBroker()
		b.NodeID, b.Host, b.Port, b.Rack = i, fmt.Sprintf("broker-%d.example", i), 9092, pointer("rack")
		b.UnknownTags = unknown()
		resp.Brokers = append(resp.Brokers, b)
	}
	resp.ClusterID = pointer("cluster")
	for _, name := range topicNames {
		rt := kmsg.NewMetadataRequestTopic()
		rt.Topic = pointer(name)
		req.Topics = append(req.Topics, rt)
		t := kmsg.NewMetadataResponseTopic()
		t.Topic, t.TopicID = pointer(name), idOf(name)
		for i := range int32(2) {
			p := kmsg.NewMetadataResponseTopicPartition()
			p.Partition, p.Replicas, p.ISR, p.OfflineReplicas = i, []int32{0, 1, 2}, []int32{0, 1}, []int32{2}
			p.UnknownTags = unknown()
			t.Partitions = append(t.Partitions, p)
		}
		resp.Topics = append(resp.Topics, t)
	}
	return req, resp
}

func produceOf(v int16) (kmsg.Request, kmsg.Response) {
	req := kmsg.NewPtrProduceRequest()
	req.Version, req.Acks, req.TransactionID = v, 1, pointer("transaction")
	req.UnknownTags = unknown()
	resp := kmsg.NewPtrProduceResponse()
	resp.Version = v
	for i, name := range topicNames {
		t := kmsg.NewProduceRequestTopic()
		t.Topic, t.TopicID = name, idOf(name)
		rt := kmsg.NewProduceResponseTopic()
		rt.Topic, rt.TopicID = t.Topic, t.TopicID
		for j := range int32(i + 1) {
			p := kmsg.NewProduceRequestTopicPartition()
			p.Partition, p.Records = j+5, recordsOf(v, 2, 3)
			p.UnknownTags = unknown()
			t.Partitions = append(t.Partitions, p)
			rp := kmsg.NewProduceResponseTopicPartition()
			rp.Partition, rp.BaseOffset = j+5, 1000
			if i == 1 && j == 1 {
				rp.ErrorCode, rp.BaseOffset = 87, -1
				e := kmsg.NewProduceResponseTopicPartitionErrorRecord()
				e.RelativeOffset, e.ErrorMessage = 1, pointer("no good")
				rp.ErrorRecords = append(rp.ErrorRecords, e, e)
				rp.ErrorMessage = pointer("bad record")
				rp.CurrentLeader.LeaderID = 2
			}
			rt.Partitions = append(rt.Partitions, rp)
		}
		req.Topics = append(req.Topics, t)
		resp.Topics = append(resp.Topics, rt)
	}
	b := kmsg.NewProduceResponseBroker()
	b.Host = "broker.example"
	resp.Brokers = append(resp.Brokers, b)
	return req, resp
}

func fetchOf(v int16) (kmsg.Request, kmsg.Response) {
	req := kmsg.NewPtrFetchRequest()
	req.Version, req.Rack, req.ReplicaID = v, "rack", -1
	if v%2 == 1 { // a follower
		req.ReplicaID, req.ReplicaState.ID, req.ReplicaState.Epoch = 3, 3, 9
	}
	resp := kmsg.NewPtrFetchResponse()
	resp.Version = v
	for i, name := range topicNames {
		t := kmsg.NewFetchRequestTopic()
		t.Topic, t.TopicID = name, idOf(name)
		forgotten := kmsg.NewFetchRequestForgottenTopic()
		forgotten.Topic, forgotten.TopicID, forgotten.Partitions = name, idOf(name), []int32{8, 9}
		rt := kmsg.NewFetchResponseTopic()
		rt.Topic, rt.TopicID = t.Topic, t.TopicID
		for j := range int32(i + 2) {
			p := kmsg.NewFetchRequestTopicPartition()
			p.Partition = j
			t.Partitions = append(t.Partitions, p)
			rp := kmsg.NewFetchResponseTopicPartition()
			rp.Partition = j
			a := kmsg.NewFetchResponseTopicPartitionAbortedTransaction()
			rp.AbortedTransactions = append(rp.AbortedTransactions, a, a)
			switch {
			case i == 0 && j == 1:
				rp.RecordBatches = recordsOf(v-1, 2, 2)
				rp.RecordBatches = append(rp.RecordBatches, rp.RecordBatches[:len(rp.RecordBatches)/3]...) // cut off
				rp.DivergingEpoch.Epoch = 4
			case i == 1 && j == 0:
				rp.ErrorCode = 3
			}
			rt.Partitions = append(rt.Partitions, rp)
		}
		req.Topics = append(req.Topics, t)
		req.ForgottenTopics = append(req.ForgottenTopics, forgotten)
		resp.Topics = append(resp.Topics, rt)
	}
	return req, resp
}

func commitOf(v int16) (kmsg.Request, kmsg.Response) {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Version, req.Group, req.MemberID, req.InstanceID = v, "group", "member", pointer("instance")
	resp := kmsg.NewPtrOffsetCommitResponse()
	resp.Version = v
	for _, name := range topicNames {
		t := kmsg.NewOffsetCommitRequestTopic()
		t.Topic, t.TopicID = name, idOf(name)
		rt := kmsg.NewOffsetCommitResponseTopic()
		rt.Topic, rt.TopicID = t.Topic, t.TopicID
		for j := range int32(2) {
			p := kmsg.NewOffsetCommitRequestTopicPartition()
			p.Partition, p.Metadata = j+1, pointer("metadata")
			t.Partitions = append(t.Partitions, p)
			rp := kmsg.NewOffsetCommitResponseTopicPartition()
			rp.Partition = j + 1
			rt.Partitions = append(rt.Partitions, rp)
		}
		req.Topics = append(req.Topics, t)
		resp.Topics = append(resp.Topics, rt)
	}
	return req, resp
}

// recordsOf makes batches of n records, in the format that Produce had at a version.
func recordsOf(version int16, batches, n int) (b []byte) {
	for i := range batches {
		switch {
		case version < 2:
			for j := range n {
				m := kmsg.MessageV0{Offset: int64(40 + j), Key: []byte("key"), Value: []byte("value")}
				m.MessageSize = int32(len(m.AppendTo(nil)) - 12)
				b = m.AppendTo(b)
			}
		case version == 2:
			for j := range n {
				m := kmsg.MessageV1{Offset: int64(40 + j), Magic: 1, Key: []byte("key"), Value: []byte("value")}
				m.MessageSize = int32(len(m.AppendTo(nil)) - 12)
				b = m.AppendTo(b)
			}
		default:
			b = batchOf(i, n).AppendTo(b)
		}
	}
	return b
}

// batchOf makes a batch; the second of a partition is a control batch.
func batchOf(i, n int) *kmsg.RecordBatch {
	batch := &kmsg.RecordBatch{FirstOffset: int64(40 + 10*i), Magic: 2, NumRecords: int32(n), LastOffsetDelta: int32(n - 1), Attributes: int16(i%2) * 0x20}
	for j := range n {
		r := kmsg.Record{
			OffsetDelta: int32(j), Key: []byte("key"), Value: []byte("value"),
			Headers: []kmsg.Header{{Key: "other", Value: []byte("x")}, {Key: "traceparent", Value: fmt.Appendf(nil, "00-%032d-%016d-01", 7, 8+j)}},
		}
		r.Length = int32(len(r.AppendTo(nil)) - 1)
		batch.Records = r.AppendTo(batch.Records)
	}
	batch.Length = int32(len(batch.AppendTo(nil)) - 12)
	return batch
}
