// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package sql is the Instrument "sql": spans and metrics of the operations of
// PostgreSQL, MySQL and MariaDB, of clients and servers, by the database semantic
// conventions of OpenTelemetry. It has no BPF program: the Daemon "socket" hands it
// the bytes of connections, packages postgresql and mysql find the exchanges in them.
//
// # Names
//
// A query is named by its summary. By the conventions db.operation.name and
// db.collection.name are not taken from the text of databases whose queries may have
// several of them: Config.NamesFromQuery does that all the same, where there is one.
package sql
