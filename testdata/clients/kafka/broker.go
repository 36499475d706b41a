// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// counter counts the requests that a cluster handles.
type counter struct {
	cluster *kfake.Cluster
	fail    string // Produce to this topic is refused

	mu     sync.Mutex
	counts *Counts
	names  map[[16]byte]string
}

// broker serves until the end of its standard input.
func broker(args []string) error {
	flags := flag.NewFlagSet("broker", flag.ContinueOnError)
	port := flags.Int("port", 0, "where to listen on loopback")
	capture := flags.String("capture", "", "directory for the bytes of connections")
	sasl := flags.Bool("sasl", false, "ask for the user admin with the password secret")
	fail := flags.String("fail", "", "topic to which Produce is refused")
	partitions := flags.Int("partitions", 3, "of topics that are made on demand")
	if err := flags.Parse(args); err != nil {
		return err
	}
	options := []kfake.Opt{
		kfake.NumBrokers(1), kfake.Ports(*port), kfake.AllowAutoTopicCreation(), kfake.DefaultNumPartitions(*partitions),
		kfake.ClusterID("kafkatest"),
	}
	if *sasl {
		options = append(options, kfake.EnableSASL(), kfake.Superuser("PLAIN", "admin", "secret"), kfake.Superuser("SCRAM-SHA-256", "admin", "secret"))
	}
	if *capture != "" {
		options = append(options, kfake.ListenFn(capturing(*capture)))
	}
	cluster, err := kfake.NewCluster(options...)
	if err != nil {
		return err
	}
	defer cluster.Close()
	c := &counter{cluster: cluster, fail: *fail, counts: newCounts(), names: map[[16]byte]string{}}
	cluster.Control(c.control)
	fmt.Println("ready")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		c.mu.Lock()
		err := c.counts.print()
		c.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return lines.Err()
}

// control counts a request. It handles those only that are to fail.
func (c *counter) control(r kmsg.Request) (kmsg.Response, error, bool) {
	c.cluster.KeepControl()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts.Requests[name(r.Key())]++
	if p, ok := r.(*kmsg.ProduceRequest); ok {
		return c.produce(p)
	}
	return nil, nil, false
}

// produce counts the records of a request.
func (c *counter) produce(p *kmsg.ProduceRequest) (kmsg.Response, error, bool) {
	refused := false
	for i := range p.Topics {
		t := &p.Topics[i]
		topic := t.Topic
		if p.Version >= 13 {
			topic = c.topicName(t.TopicID)
		}
		refused = refused || c.fail != "" && topic == c.fail
		for j := range t.Partitions {
			n, err := records(t.Partitions[j].Records)
			if err != nil {
				return nil, err, true
			}
			c.counts.Produced[topic] += n
		}
	}
	if !refused {
		return nil, nil, false
	}
	c.counts.Refused++
	return refuse(p), nil, true
}

func (c *counter) topicName(id [16]byte) string {
	if n, ok := c.names[id]; ok {
		return n
	}
	if t := c.cluster.TopicIDInfo(id); t != nil {
		c.names[id] = t.Topic
	}
	return c.names[id]
}

// records counts those of the batches in b.
func records(b []byte) (n int64, err error) {
	for len(b) > 0 {
		var batch kmsg.RecordBatch
		if len(b) < 17 {
			return 0, fmt.Errorf("%d bytes are no batch", len(b))
		}
		if b[16] < 2 { // a message set
			size := 12 + int(uint32(b[8])<<24|uint32(b[9])<<16|uint32(b[10])<<8|uint32(b[11]))
			if size > len(b) {
				return 0, fmt.Errorf("a message of %d bytes in %d", size, len(b))
			}
			n++
			b = b[size:]
			continue
		}
		if err := batch.ReadFrom(b); err != nil {
			return 0, err
		}
		n += int64(batch.NumRecords)
		b = b[12+int(batch.Length):]
	}
	return n, nil
}

// refuse answers that no replica took the records.
func refuse(p *kmsg.ProduceRequest) kmsg.Response {
	resp := p.ResponseKind().(*kmsg.ProduceResponse)
	for _, t := range p.Topics {
		rt := kmsg.NewProduceResponseTopic()
		rt.Topic, rt.TopicID = t.Topic, t.TopicID
		for _, part := range t.Partitions {
			rp := kmsg.NewProduceResponseTopicPartition()
			rp.Partition, rp.ErrorCode = part.Partition, kerr.MessageTooLarge.Code
			rp.BaseOffset = -1
			rt.Partitions = append(rt.Partitions, rp)
		}
		resp.Topics = append(resp.Topics, rt)
	}
	return resp
}

// capturing listens so that each connection's bytes are written to a file of its own.
func capturing(dir string) func(network, address string) (net.Listener, error) {
	return func(network, address string) (net.Listener, error) {
		l, err := net.Listen(network, address)
		if err != nil {
			return nil, err
		}
		return &capturingListener{Listener: l, dir: dir}, nil
	}
}

type capturingListener struct {
	net.Listener
	dir string
	n   int
}

func (l *capturingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.n++
	f, err := os.Create(filepath.Join(l.dir, fmt.Sprintf("%03d.txt", l.n)))
	if err != nil {
		c.Close()
		return nil, err
	}
	return &capturingConn{Conn: c, file: f}, nil
}

// capturingConn writes a line for each run of bytes, as the package segmenttest reads them.
type capturingConn struct {
	net.Conn
	mu   sync.Mutex
	file *os.File
}

func (c *capturingConn) note(direction byte, b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	line := []byte{direction, ' ', '"'}
	for _, v := range b {
		line = fmt.Appendf(line, `\u%04x`, v)
	}
	_, _ = c.file.Write(append(line, '"', '\n'))
}

func (c *capturingConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.note('>', b[:n])
	}
	return n, err
}

func (c *capturingConn) Write(b []byte) (int, error) {
	c.note('<', b)
	return c.Conn.Write(b)
}

func (c *capturingConn) Close() error {
	return c.Conn.Close()
}
