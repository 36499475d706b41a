// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Command nats is the client that the live tests of NATS observe: nats.go, the client of
// the NATS project.
//
//	nats URL pub SUBJECT NUMBER SIZE [PAUSE]   publish with a traceparent where SUBJECT ends with ".traced"
//	nats URL sub SUBJECT NUMBER [QUEUE]        print "ready", take so many messages
//	nats URL request SUBJECT NUMBER            ask, and answer itself
//	nats URL jetstream STREAM NUMBER           publish with acknowledgement, consume by pull, acknowledge
package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

func main() {
	if err := run(os.Args[1], os.Args[2], os.Args[3], os.Args[4:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(url, what, subject string, args []string) error {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	c, err := nats.Connect(url)
	if err != nil {
		return err
	}
	defer c.Close()
	switch what {
	case "pub":
		return publish(c, subject, n, args[1:])
	case "sub":
		return subscribe(c, subject, n, args[1:])
	case "request":
		return request(c, subject, n)
	case "jetstream":
		return jetstream(c, subject, n)
	}
	return fmt.Errorf("%s is none of the commands", what)
}

func publish(c *nats.Conn, subject string, n int, args []string) error {
	size, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	var pause time.Duration
	if len(args) > 1 {
		if pause, err = time.ParseDuration(args[1]); err != nil {
			return err
		}
	}
	m := nats.NewMsg(subject)
	m.Data = make([]byte, size)
	for i := range n {
		if strings.HasSuffix(subject, ".traced") {
			m.Header.Set("Traceparent", fmt.Sprintf("00-%032x-%016x-01", i+1, i+1))
			m.Header.Set("Nats-Msg-Id", strconv.Itoa(i))
		}
		if err := c.PublishMsg(m); err != nil {
			return err
		}
		if pause > 0 {
			time.Sleep(pause)
		}
	}
	return c.Flush()
}

func subscribe(c *nats.Conn, subject string, n int, args []string) error {
	queue := ""
	if len(args) > 0 {
		queue = args[0]
	}
	s, err := c.QueueSubscribeSync(subject, queue)
	if err != nil {
		return err
	}
	if err := s.SetPendingLimits(-1, -1); err != nil {
		return err
	}
	if err := c.Flush(); err != nil {
		return err
	}
	fmt.Println("ready")
	for range n {
		if _, err := s.NextMsg(time.Minute); err != nil {
			return err
		}
	}
	return nil
}

func request(c *nats.Conn, subject string, n int) error {
	_, err := c.Subscribe(subject, func(m *nats.Msg) { _ = m.Respond([]byte("pong")) })
	if err != nil {
		return err
	}
	for range n {
		if _, err := c.Request(subject, []byte("ping"), time.Minute); err != nil {
			return err
		}
	}
	return nil
}

func jetstream(c *nats.Conn, stream string, n int) error {
	js, err := c.JetStream()
	if err != nil {
		return err
	}
	if _, err := js.AddStream(&nats.StreamConfig{Name: stream, Subjects: []string{stream + ".*"}}); err != nil {
		return err
	}
	for range n {
		if _, err := js.Publish(stream+".a", []byte("hello")); err != nil {
			return err
		}
	}
	s, err := js.PullSubscribe(stream+".*", "worker")
	if err != nil {
		return err
	}
	for done := 0; done < n; {
		all, err := s.Fetch(10)
		if err != nil {
			return err
		}
		for _, m := range all {
			if err := m.AckSync(); err != nil {
				return err
			}
		}
		done += len(all)
	}
	return nil
}
