// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
)

// serve runs a server of Go. It tells how many requests it took as nginx does, and prints the
// addresses to load and of that.
func serve(ctx context.Context, kind string) error {
	var n atomic.Uint64
	status, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() {
		_ = http.Serve(status, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, "Active\nserver\n %[1]d %[1]d %[1]d\n", n.Load())
		}))
	}()
	ready := func(address string) { fmt.Printf("%s http://%s/\n", address, status.Addr()) }
	if kind == "kafka" {
		return serveKafka(ctx, &n, ready)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { _ = l.Close() }) // which ends Serve
	if kind == "grpc" {
		s := grpc.NewServer(grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, h grpc.UnaryHandler) (any, error) {
			n.Add(1)
			return h(ctx, req)
		}))
		grpc_health_v1.RegisterHealthServer(s, health.NewServer())
		ready(l.Addr().String())
		return ended(ctx, s.Serve(l))
	}
	body := page()
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n.Add(1)
		_, _ = w.Write(body)
	})
	ready(fmt.Sprintf("%s://%s/", kind, l.Addr()))
	if kind == "https" {
		c, err := selfSigned()
		if err != nil {
			return err
		}
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{c}})
	}
	return ended(ctx, http.Serve(l, handler))
}

// ended is no error when it was asked for.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// topic is what producers write to.
const topic = "load"

// serveKafka runs a broker that counts the produce requests.
func serveKafka(ctx context.Context, n *atomic.Uint64, ready func(string)) error {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, topic))
	if err != nil {
		return err
	}
	defer cluster.Close()
	cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		n.Add(1)
		return nil, nil, false
	})
	ready(cluster.ListenAddrs()[0])
	<-ctx.Done()
	return nil
}

// startGo runs this program as the server, on one processor.
func startGo(kind string) starter {
	return func(context.Context, string) (*workload, func(), error) {
		pid, line, end, err := self(0, []string{"GOMAXPROCS=1"}, "-serve", kind)
		if err != nil {
			return nil, nil, err
		}
		address, status, ok := strings.Cut(line, " ")
		if !ok {
			end()
			return nil, nil, fmt.Errorf("the server printed %q", line)
		}
		w := httpWorkload(pid, address, status)
		switch kind {
		case "grpc":
			w.load = drive(kind, address)
		case "kafka":
			w.probe, w.load = "messaging", drive(kind, address)
		}
		w.target = discovery.Selector{PID: pid}
		return w, end, nil
	}
}
