// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

// version is that of this module, in telemetry.distro.version and in the
// version of the instrumentation scopes.
const version = "0.1.0"
