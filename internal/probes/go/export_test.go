// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package golang

// BuildRouter is for tests of the package from without.
var BuildRouter = buildRouter
