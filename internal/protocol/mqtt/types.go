// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package mqtt

import "github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"

// What all dissectors share; see package segment.

type (
	Direction   = segment.Direction
	Tag         = segment.Tag
	Segment     = segment.Segment
	CloseReason = segment.CloseReason
	Verdict     = segment.Verdict
)

// The directions.
const (
	Request  = segment.Request
	Response = segment.Response
)

// Why a connection or its tracking ended.
const (
	CloseNone     = segment.CloseNone
	CloseNormal   = segment.CloseNormal
	CloseReset    = segment.CloseReset
	CloseEvicted  = segment.CloseEvicted
	CloseShutdown = segment.CloseShutdown
)

// The verdicts of Recognize.
const (
	No       = segment.No
	NeedMore = segment.NeedMore
	Yes      = segment.Yes
)

var _ segment.Parser = (*Parser)(nil)
