// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package mongodb is the Instrument "mongodb": spans and metrics of the commands of
// MongoDB, of clients and servers, by the database semantic conventions of OpenTelemetry.
// It has no BPF program: the Daemon "socket" hands it the bytes of connections, package
// protocol/mongodb finds the exchanges in them. Handshakes and authentication are seen as
// commands without their content, which does not leave the kernel.
package mongodb
