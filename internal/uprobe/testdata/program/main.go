// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Program is built in several ways by the tests of package uprobe.
package main

//go:noinline
func probed(a, b, c uint64) uint64 {
	var frame [256]uint64
	for i := range frame {
		frame[i] = a * b
	}
	return work(&frame, c)
}

//go:noinline
func work(frame *[256]uint64, c uint64) uint64 { return frame[c%256] }

func main() { println(probed(1, 2, 3)) }
