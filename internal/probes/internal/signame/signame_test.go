// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package signame

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/plog"
)

func TestSignalName(t *testing.T) {
	assert.Equal(t, "SIGKILL", Of(9))
	assert.Equal(t, "SIGRTMIN+2", Of(34))
	assert.Equal(t, "SIGRTMIN+32", Of(64))
	assert.Equal(t, plog.SeverityNumberInfo, Severity(15))
}
