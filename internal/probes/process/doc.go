// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package process is the Instrument that makes a log record of each exec and
// exit of a process. It has no programs of its own: the Daemon "discovery"
// follows processes anyhow and hands on what it sees.
package process
