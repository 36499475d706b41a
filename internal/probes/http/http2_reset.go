// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http

import "github.com/ebpfreceiver/ebpfreceiver/internal/protocol/http2"

// resetNames are the error codes of RFC 9113 section 7.
var resetNames = [...]string{
	"NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED", "FRAME_SIZE_ERROR",
	"REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
}

// byReset is the failure of a stream that was reset with the code 0; those of other codes follow.
const byReset failure = 32

// resetFailure is the failure of a stream that was reset before its response.
func resetFailure(m *more) failure {
	if m.reset == http2.ResetGoAway { // its server never looked at it
		return byReset + 7
	}
	if !m.codeKnown || m.resetCode >= uint32(len(resetNames)) {
		return byReset + failure(len(resetNames))
	}
	return byReset + failure(m.resetCode)
}

// resetName is the error.type of such a stream.
func resetName(f failure) string {
	if i := int(f - byReset); i < len(resetNames) {
		return resetNames[i]
	}
	return "_OTHER"
}
