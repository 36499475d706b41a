// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package intern makes strings of bytes without allocating those that come again.
package intern

import (
	"hash/maphash"
	"strings"
	"unicode/utf8"
)

const (
	numSlots = 2048
	// maxLength is the length of the longest string that is kept, in bytes.
	maxLength = 256
)

// Strings makes strings of bytes and remembers the last ones, in bounded
// memory: a string that comes again costs no allocation.
type Strings struct {
	seed  maphash.Seed
	slots [numSlots]string
}

// New makes an empty table.
func New() *Strings { return &Strings{seed: maphash.MakeSeed()} }

// Str returns b as a string of valid UTF-8, as pdata demands.
func (in *Strings) Str(b []byte) string {
	if len(b) > maxLength {
		return valid(b)
	}
	s := &in.slots[maphash.Bytes(in.seed, b)%numSlots]
	if *s != string(b) {
		*s = valid(b)
	}
	return *s
}

// Again is Str for what is likely the same as the last time, which it remembers.
func (in *Strings) Again(last *string, b []byte) string {
	if *last != string(b) {
		*last = in.Str(b)
	}
	return *last
}

func valid(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}
