// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build cgo && withc

package main

import "C"
