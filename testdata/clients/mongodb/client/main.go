// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Command client runs operations with the official driver and writes how many of each it
// made, as a JSON object of "operation" or "error operation" to numbers.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

func main() {
	uri := flag.String("uri", "mongodb://127.0.0.1:27017/?directConnection=true", "the server")
	rounds := flag.Int("rounds", 10, "how often each operation is made")
	workers := flag.Int("workers", 1, "how many do so at once")
	only := flag.Bool("finds", false, "only find, as fast as possible")
	stats := flag.Bool("stats", false, "only write the server's counts of commands, and of failed ones")
	flag.Parse()
	ctx := context.Background() // with a deadline the driver would send it along
	t := &tally{Counts: map[string]int{}}
	act := func() error { return run(ctx, t, *uri, *rounds, *workers, *only) }
	if *stats {
		act = func() error { return serverStats(ctx, t, *uri) }
	}
	if err := act(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(t.Counts); err != nil {
		os.Exit(1)
	}
}

// tally counts commands as the driver itself reports them.
type tally struct {
	mu     sync.Mutex
	Counts map[string]int
}

func (t *tally) add(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.Counts[name]++
}

func (t *tally) monitor() *event.CommandMonitor {
	return &event.CommandMonitor{
		Succeeded: func(_ context.Context, e *event.CommandSucceededEvent) { t.add(e.CommandName) },
		Failed: func(_ context.Context, e *event.CommandFailedEvent) {
			t.add(e.CommandName)
			t.add("error " + e.CommandName)
		},
	}
}

func run(ctx context.Context, t *tally, uri string, rounds, workers int, only bool) error {
	// One connection to each worker; heartbeats would come at any time.
	c, err := mongo.Connect(options.Client().ApplyURI(uri).SetMonitor(t.monitor()).SetHeartbeatInterval(10 * time.Minute).
		SetServerMonitoringMode("poll").SetMaxPoolSize(uint64(workers)).SetRetryWrites(false))
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	errs := make([]error, workers)
	for w := range workers {
		wg.Go(func() {
			one := work
			if only {
				one = finds
			}
			errs[w] = one(ctx, c.Database("shop"), fmt.Sprint("people", w), rounds)
		})
	}
	wg.Wait()
	return errors.Join(append(errs, c.Disconnect(ctx))...)
}

// serverStats reads the server's own counts, without those of this connection's handshake.
func serverStats(ctx context.Context, t *tally, uri string) error {
	c, err := mongo.Connect(options.Client().ApplyURI(uri))
	if err != nil {
		return err
	}
	var status struct {
		Metrics struct {
			Commands map[string]struct{ Total, Failed int }
		}
	}
	if err := c.Database("admin").RunCommand(ctx, bson.D{{Key: "serverStatus", Value: 1}}).Decode(&status); err != nil {
		return err
	}
	for name, n := range status.Metrics.Commands {
		t.Counts[name] = n.Total
		if n.Failed > 0 {
			t.Counts["error "+name] = n.Failed
		}
	}
	return c.Disconnect(ctx)
}

func finds(ctx context.Context, db *mongo.Database, name string, rounds int) error {
	for i := range rounds {
		err := db.Collection(name).FindOne(ctx, bson.D{{Key: "_id", Value: i}}).Err()
		if err != nil && !errors.Is(err, mongo.ErrNoDocuments) {
			return err
		}
	}
	return nil
}

func work(ctx context.Context, db *mongo.Database, name string, rounds int) error {
	c := db.Collection(name)
	for i := range rounds {
		var docs []any
		for j := range 30 {
			docs = append(docs, bson.D{{Key: "_id", Value: 1000*i + j}, {Key: "v", Value: strings.Repeat("v", 4*j)}})
		}
		steps := []func() error{
			func() error { return db.RunCommand(ctx, bson.D{{Key: "ping", Value: 1}}).Err() },
			func() error { _, err := c.InsertMany(ctx, docs); return err },
			func() error { return expect(c.InsertOne(ctx, docs[0])) }, // it is there already
			func() error {
				_, err := c.UpdateOne(ctx, docs[1], bson.D{{Key: "$set", Value: bson.D{{Key: "w", Value: 1}}}})
				return err
			},
			func() error { _, err := c.DeleteOne(ctx, docs[2]); return err },
			func() error { return all(ctx, c) }, // a find, and getMore for the rest
			func() error { _, err := c.CountDocuments(ctx, bson.D{}); return err },
			func() error { return c.Distinct(ctx, "w", bson.D{}).Err() },
			func() error { return expect(nil, db.RunCommand(ctx, bson.D{{Key: "noSuchCommand", Value: 1}}).Err()) },
		}
		for n, step := range steps {
			if err := step(); err != nil {
				return fmt.Errorf("step %d of round %d: %w", n, i, err)
			}
		}
	}
	return nil
}

func all(ctx context.Context, c *mongo.Collection) error {
	cursor, err := c.Find(ctx, bson.D{}, options.Find().SetBatchSize(10))
	if err != nil {
		return err
	}
	var docs []bson.D
	return cursor.All(ctx, &docs)
}

var errExpected = errors.New("the operation did not fail")

// expect turns a result round: the operation has to fail.
func expect(_ any, err error) error {
	if err == nil {
		return errExpected
	}
	return nil
}
