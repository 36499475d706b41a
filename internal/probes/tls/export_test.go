// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package tls

import (
	"os"

	"github.com/ebpfreceiver/ebpfreceiver/internal/uprobe"
)

// PlacesOf counts the places in a file by the programs that are attached there on the oldest
// kernel, and tells whether it emulates all of them.
func PlacesOf(path string) (places map[string]int, slow bool, err error) {
	open, err := os.Open(path)
	if err != nil {
		return nil, false, err
	}
	defer open.Close()
	l, err := examine(open, uprobe.Kernel{})
	if err != nil {
		return nil, false, err
	}
	places = map[string]int{}
	for _, h := range l.hooks {
		for _, p := range h.points {
			places[h.program]++
			slow = slow || p.Slow
		}
	}
	return places, slow, nil
}
