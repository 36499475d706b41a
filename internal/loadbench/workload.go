// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
)

// connections are those of each load.
const connections = 32

// workload is a server that can be loaded.
type workload struct {
	name    string
	probe   string // the Instrument that tells of its operations
	target  discovery.Selector
	pid     int    // of the server, whose children belong to it
	address string // what a driver connects to
	// count is the number of operations since the start, by the server's own statistics.
	count func() (uint64, error)
	// load loads it at full speed until it is ended, or for an hour at most.
	load func() (end func(), err error)
}

// starter starts a server, which has a folder for itself.
type starter func(ctx context.Context, dir string) (*workload, func(), error)

// workloads are all that there are.
func workloads() []struct {
	name  string
	start starter
} {
	return []struct {
		name  string
		start starter
	}{
		{"nginx", startNginx(false)},
		{"nginx-tls", startNginx(true)},
		{"go", startGo("http")},
		{"go-tls", startGo("https")},
		{"grpc", startGo("grpc")},
		{"redis", startRedis},
		{"postgresql", startPostgreSQL},
		{"memcached", startMemcached},
		{"kafka", startGo("kafka")},
	}
}
