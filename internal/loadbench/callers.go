// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// caller opens a connection and gives what does one operation on it.
type caller func(ctx context.Context, address string) (func() error, error)

func callers() map[string]caller {
	return map[string]caller{
		"http": callHTTP, "grpc": callGRPC, "kafka": callKafka, "postgresql": callPostgreSQL,
		"redis": callText("GET key:__rand_int__\r\n", "0123456789\r\n"), "memcached": callText("get key\r\n", "END\r\n"),
	}
}

// callText sends a line and reads until the end of the answer.
func callText(request, end string) caller {
	return func(ctx context.Context, address string) (func() error, error) {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			return nil, err
		}
		in := bufio.NewReader(conn)
		return func() error {
			if _, err := io.WriteString(conn, request); err != nil {
				return err
			}
			for {
				line, err := in.ReadString('\n')
				if err != nil || line == end {
					return err
				}
			}
		}, nil
	}
}

// once asks a server of a text protocol, and gives all of its answer.
func once(address, request, end string) (string, error) {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		return "", err
	}
	var text strings.Builder
	for in := bufio.NewReader(conn); ; {
		line, err := in.ReadString('\n')
		if err != nil || line == end {
			return text.String(), err
		}
		text.WriteString(line)
	}
}

func callHTTP(ctx context.Context, address string) (func() error, error) {
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} // our own server
	return func() error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return err
		}
		r, err := client.Do(req)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, r.Body)
		return errors.Join(err, r.Body.Close())
	}, nil
}

func callGRPC(ctx context.Context, address string) (func() error, error) {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	client := grpc_health_v1.NewHealthClient(conn)
	return func() error {
		_, err := client.Check(ctx, &grpc_health_v1.HealthCheckRequest{})
		return err
	}, nil
}

// callKafka produces records of 100 bytes, each in a request of its own.
func callKafka(ctx context.Context, address string) (func() error, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.DefaultProduceTopic(topic), kgo.ProducerLinger(0),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DisableIdempotentWrite(), kgo.RequiredAcks(kgo.LeaderAck()))
	if err != nil {
		return nil, err
	}
	value := bytes.Repeat([]byte("v"), 100)
	return func() error { return client.ProduceSync(ctx, &kgo.Record{Value: value}).FirstErr() }, nil
}

// callPostgreSQL sends a simple query (PostgreSQL documentation, Frontend/Backend Protocol).
func callPostgreSQL(ctx context.Context, address string) (func() error, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	in := bufio.NewReader(conn)
	ready := func() error { // reads up to ReadyForQuery
		head := make([]byte, 5)
		for {
			if _, err := io.ReadFull(in, head); err != nil {
				return err
			}
			if _, err := in.Discard(int(binary.BigEndian.Uint32(head[1:])) - 4); err != nil {
				return err
			}
			switch head[0] {
			case 'Z':
				return nil
			case 'E':
				return errors.New("the server answered with an error")
			}
		}
	}
	startup := []byte("\x00\x00\x00\x00\x00\x03\x00\x00user\x00postgres\x00database\x00postgres\x00\x00")
	binary.BigEndian.PutUint32(startup, uint32(len(startup)))
	if _, err := conn.Write(startup); err != nil {
		return nil, err
	}
	if err := ready(); err != nil {
		return nil, fmt.Errorf("login: %w", err)
	}
	aid := 0
	return func() error {
		aid = aid%100000 + 1
		query := fmt.Sprintf("Q....SELECT abalance FROM pgbench_accounts WHERE aid = %d;\x00", aid)
		message := []byte(query)
		binary.BigEndian.PutUint32(message[1:], uint32(len(message)-1))
		if _, err := conn.Write(message); err != nil {
			return err
		}
		return ready()
	}, nil
}
