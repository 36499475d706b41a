// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// childEnv makes the test's program play a part of a live test instead.
const childEnv = "EBPF_HTTP_TEST_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(childEnv) {
	case "":
		goleak.VerifyTestMain(m)
	case "server":
		runCallServer()
	case "web":
		runWebServer()
	case "client":
		runCallClient()
	case "bulk":
		runBulkClient()
	case "canned":
		runCannedServer()
	case "asking":
		runAskingClient()
	case "busy":
		runBusyClient()
	}
}
