// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package compat

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// WriteNeeds writes a list of needs for people, by stability class, most stable
// first. It is the form of needs.golden, where a new dependency shows in review.
func WriteNeeds(w io.Writer, needs []Need) error {
	sorted := slices.Clone(needs)
	slices.SortStableFunc(sorted, func(a, b Need) int { return cmp.Compare(a.Class, b.Class) })
	var b strings.Builder
	for i, n := range sorted {
		if i == 0 || sorted[i-1].Class != n.Class {
			fmt.Fprintf(&b, "%s\n", n.Class)
		}
		fmt.Fprintf(&b, "  %s %s", n.Kind, n.Name)
		if n.Detail != "" {
			fmt.Fprintf(&b, ": %s", n.Detail)
		}
		if n.Optional {
			b.WriteString(" (optional)")
		}
		fmt.Fprintf(&b, " [%s]\n", strings.Join(n.Programs, " "))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
