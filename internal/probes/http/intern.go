// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"hash/maphash"
	"strings"
	"unicode/utf8"
)

const (
	internSlots = 2048
	// internMax is the length of the longest string that is kept, in bytes.
	internMax = 256
)

// interner makes strings of bytes and remembers the last ones, in bounded
// memory: a string that comes again costs no allocation.
type interner struct {
	seed  maphash.Seed
	slots [internSlots]string
}

func newInterner() *interner { return &interner{seed: maphash.MakeSeed()} }

// str returns b as a string of valid UTF-8, as pdata demands.
func (in *interner) str(b []byte) string {
	if len(b) > internMax {
		return validString(b)
	}
	s := &in.slots[maphash.Bytes(in.seed, b)%internSlots]
	if *s != string(b) {
		*s = validString(b)
	}
	return *s
}

func validString(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}
