// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment/segmenttest"
)

// event is a run of stream bytes before it is cut into segments; without bytes it is a FIN.
type event = segmenttest.Event
