// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package discovery

import (
	"errors"
	"os"
)

// initialPIDNS is PROC_PID_INIT_INO of linux/proc_ns.h, which never changed.
const initialPIDNS = "pid:[4026531836]"

var errPIDNS = errors.New("the collector does not run in the host's PID namespace, so that it cannot tell which process the kernel means; run it with hostPID: true or --pid=host")

func checkPIDNamespace() error {
	ns, err := os.Readlink("/proc/self/ns/pid")
	if err == nil && ns != initialPIDNS {
		return errPIDNS
	}
	return nil // unknown: do not refuse what may work
}
