// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package object is the Instrument "object/<name>": BPF objects of a user, whose records
// and maps become spans, metrics and logs as the configuration and the types in the object
// say.
//
// Nothing of an object is declared twice. Its file is read once, at Start: what is compiled
// then, for each of its variants, is all that is done for a record later.
package object

//go:generate testdata/compile.sh
