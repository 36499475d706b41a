// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package deploycheck checks the manifests and Helm values of deploy/ with Kubernetes' own
// types. It is a module of its own, so that nobody else depends on these.
package deploycheck
