// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

// Package probes lists the probes that come with the receiver.
package probes

import (
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/blockio"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/dns"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/filesystem"
	golang "github.com/ebpfreceiver/ebpfreceiver/internal/probes/go"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/http"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/memcached"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/memory"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/messaging"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/mongodb"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/object"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/process"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/redis"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/scheduler"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/signals"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/socket"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/sql"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/syscalls"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/tcp"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/tls"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// All lists the probes, each after those that it depends on.
func All() []probe.Factory {
	return []probe.Factory{
		discovery.Factory(),
		process.Factory(),
		blockio.Factory(),
		filesystem.Factory(),
		scheduler.Factory(),
		signals.Factory(),
		socket.Factory(),
		tls.Factory(),
		dns.Factory(),
		golang.Factory(),
		http.Factory(),
		memcached.Factory(),
		memory.Factory(),
		messaging.Factory(),
		mongodb.Factory(),
		redis.Factory(),
		sql.Factory(),
		syscalls.Factory(),
		tcp.Factory(),
	}
}

// Types lists the types of probes of which a user has any number, each with a name.
func Types() []probe.Factory {
	return []probe.Factory{object.Factory()}
}
