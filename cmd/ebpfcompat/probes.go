// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/ebpfreceiver/ebpfreceiver/internal/compat"
)

// prepare gives the probes to check: the programs of a user's object, or all
// that are shipped.
func prepare(object string) (*compat.Set, error) {
	if object == "" {
		return shipped()
	}
	spec, err := readObject(object)
	if err != nil {
		return nil, err
	}
	// What is wrong with the object itself is no kernel's fault.
	if _, err := compat.Needs(spec, nil); err != nil {
		return nil, fmt.Errorf("%s: %w", object, err)
	}
	return compat.Prepare(compat.Manifests(spec)...)
}
