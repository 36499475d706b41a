// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package signame knows signals: their names, and how bad it is to die of one.
package signame

import (
	"strconv"

	"go.opentelemetry.io/collector/pdata/plog"
	"golang.org/x/sys/unix"
)

// Of is the name as in signal(7).
func Of(n int) string {
	if name := unix.SignalName(unix.Signal(n)); name != "" {
		return name
	}
	// The kernel's first real-time signal; C libraries keep some for themselves.
	const first = 32
	if n >= first {
		return "SIGRTMIN+" + strconv.Itoa(n-first)
	}
	return strconv.Itoa(n)
}

// Severity takes signals whose default action is to dump core, which tell of
// a fault in the program, as errors. SIGKILL leaves a program no way out: the
// kernel's out-of-memory killer sends it.
func Severity(n int) plog.SeverityNumber {
	switch unix.Signal(n) {
	case unix.SIGSEGV, unix.SIGABRT, unix.SIGBUS, unix.SIGFPE, unix.SIGILL, unix.SIGSYS, unix.SIGTRAP, unix.SIGXCPU, unix.SIGXFSZ:
		return plog.SeverityNumberError
	case unix.SIGKILL:
		return plog.SeverityNumberWarn
	}
	return plog.SeverityNumberInfo
}
