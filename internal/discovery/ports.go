// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"fmt"
	"strconv"
	"strings"
)

// portRange is inclusive.
type portRange struct{ low, high uint16 }

// parsePorts reads lists such as "8000-8999,443". Empty text gives nil.
func parsePorts(text string) ([]portRange, error) {
	if text == "" {
		return nil, nil
	}
	var ranges []portRange
	for item := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(strings.TrimSpace(item), "-")
		low, err := parsePort(first)
		if err != nil {
			return nil, err
		}
		high := low
		if isRange {
			if high, err = parsePort(last); err != nil {
				return nil, err
			}
		}
		if low > high {
			return nil, fmt.Errorf("range %q is backwards", strings.TrimSpace(item))
		}
		ranges = append(ranges, portRange{low, high})
	}
	return ranges, nil
}

func parsePort(text string) (uint16, error) {
	n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 16)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%q is not a port between 1 and 65535", strings.TrimSpace(text))
	}
	return uint16(n), nil
}

func anyPort(ranges []portRange, ports []uint16) bool {
	for _, p := range ports {
		for _, r := range ranges {
			if r.low <= p && p <= r.high {
				return true
			}
		}
	}
	return false
}
