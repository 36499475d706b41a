// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Command kafka is what tests of the Kafka probe observe: a broker (kfake of franz-go) and
// a client (kgo of franz-go), both of which count what they do. It is a module of its own, so
// that the receiver does not depend on them.
//
//	kafka broker -port N [-capture DIR] [-sasl] [-fail TOPIC]
//	kafka client -broker HOST:PORT -topic NAME [-records N] ...
//	kafka versions -out FILE
//
// The broker answers each line on its standard input with its Counts, and ends with that
// input. The client prints its Counts when it has done its work.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Counts are what a program counted, by the names of APIs.
type Counts struct {
	// Requests that the broker handled, or the client wrote.
	Requests map[string]int64
	// Responses that the client read.
	Responses map[string]int64 `json:",omitempty"`
	// Produced records, by topic, of requests with and without an error.
	Produced map[string]int64
	// Consumed records, by topic, as the client's application got them.
	Consumed map[string]int64 `json:",omitempty"`
	// Refused is how many Produce requests the broker answered with an error.
	Refused int64
}

func newCounts() *Counts {
	return &Counts{Requests: map[string]int64{}, Responses: map[string]int64{}, Produced: map[string]int64{}, Consumed: map[string]int64{}}
}

// print writes the counts as one line of JSON.
func (c *Counts) print() error {
	return json.NewEncoder(os.Stdout).Encode(c)
}

func name(key int16) string { return kmsg.NameForKey(key) }

func main() {
	run := map[string]func(args []string) error{"broker": broker, "client": client, "versions": versions}
	if len(os.Args) < 2 || run[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: kafka broker|client|versions FLAGS")
		os.Exit(2)
	}
	if err := run[os.Args[1]](os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "kafka:", err)
		os.Exit(1)
	}
}
