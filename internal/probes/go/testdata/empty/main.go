// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Command empty has the runtime, and the debugging information of it.
package main

func main() {}
