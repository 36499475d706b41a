// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package ring

import (
	"errors"
	"time"
)

// waiter is there for Linux only.
type waiter struct{}

type watched struct {
	fd      int
	pending func() int
}

func newWaiter(watched) (*waiter, error) { return nil, errors.ErrUnsupported }
func (*waiter) also(watched)             {}
func (*waiter) until(time.Time) error    { return errors.ErrUnsupported }
func (*waiter) wake() error              { return errors.ErrUnsupported }
func (*waiter) close() error             { return nil }
