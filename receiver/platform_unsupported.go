// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !linux || !(amd64 || arm64)

package receiver

import (
	"fmt"
	"runtime"
)

// checkPlatform tells that the receiver cannot run. It is asked when the
// receiver is configured, so that a collector which only contains it works.
func checkPlatform() error {
	return fmt.Errorf("the ebpf receiver runs on Linux on amd64 and arm64, not on %s/%s", runtime.GOOS, runtime.GOARCH)
}
