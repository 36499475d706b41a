// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package nats

import "github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"

type (
	// Direction of bytes on a connection.
	Direction = segment.Direction
	// Tag says where a segment came from.
	Tag = segment.Tag
	// Segment is a run of stream bytes of one direction.
	Segment = segment.Segment
	// CloseReason says why a connection or its tracking ended.
	CloseReason = segment.CloseReason
	// Verdict of Recognize.
	Verdict = segment.Verdict
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
