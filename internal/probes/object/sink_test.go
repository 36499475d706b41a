// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package object

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// clockOfTest stands still.
type clockOfTest struct{}

func (clockOfTest) Time(boot uint64) time.Time              { return time.Unix(0, int64(boot)) }
func (clockOfTest) Timestamp(boot uint64) pcommon.Timestamp { return pcommon.Timestamp(boot) }
func (clockOfTest) Now() uint64                             { return 1 }
