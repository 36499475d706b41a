// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package receiver is the collector component: its configuration, its factory,
// and the one instance that the pipelines of all signals share. What it does
// when it runs is the manager's.
package receiver
