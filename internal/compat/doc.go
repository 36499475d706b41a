// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package compat answers what BPF objects need of a kernel and whether a
// kernel has it, before anything is loaded.
//
// Needs are derived from the object alone: hooks and the arguments that the
// programs read there, CO-RE relocations, kfuncs, helpers, map and program
// types. Code that the verifier would prune on a kernel, because it is behind
// bpf_core_field_exists, bpf_ksym_exists or a constant, needs nothing there.
package compat
