// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package support

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
)

// Library is one that encrypts, in one version on one architecture, as the live tests of the Daemon
// tls found it. UPDATE_LIBRARIES=1 lets them write libraries.json.
type Library struct {
	Library string `json:"library"`
	// Version is what the library, or the executable that it is linked into, says itself.
	Version string `json:"version"`
	Arch    string `json:"arch"`
	// Kernel is where it ran, "" when it did not: then only the places to attach to were found
	// in the machine code.
	Kernel string `json:"kernel,omitempty"`
	// Program is what used it.
	Program string `json:"program"`
	// Requests is how many the other end counted, each of which had its span.
	Requests int `json:"requests,omitempty"`
	// Unseen is why nothing is seen of what it encrypts.
	Unseen string `json:"unseen,omitempty"`
}

// ReadLibraries reads what was recorded.
func ReadLibraries(path string) (all []Library, err error) {
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, &all)
	}
	if err != nil {
		return nil, fmt.Errorf("read the record of libraries: %w", err)
	}
	return all, nil
}

// RecordLibrary adds one to the record, or replaces what is known of the same.
func RecordLibrary(path string, l Library) error {
	all, err := ReadLibraries(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	all = slices.DeleteFunc(all, func(o Library) bool {
		return o.Library == l.Library && o.Version == l.Version && o.Arch == l.Arch && o.Program == l.Program
	})
	all = append(all, l)
	slices.SortFunc(all, func(a, b Library) int {
		return cmp.Or(cmp.Compare(a.Library, b.Library), byVersion(a.Version, b.Version), cmp.Compare(a.Program, b.Program), cmp.Compare(a.Arch, b.Arch))
	})
	b, err := json.MarshalIndent(all, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}

var versionParts = regexp.MustCompile(`\d+|[^\d.]+`)

// byVersion compares the numbers in versions.
func byVersion(a, b string) int {
	x, y := versionParts.FindAllString(a, -1), versionParts.FindAllString(b, -1)
	for i := range min(len(x), len(y)) {
		if c := cmp.Or(cmp.Compare(len(x[i]), len(y[i])), cmp.Compare(x[i], y[i])); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(x), len(y))
}

const librariesHead = `
## Libraries that encrypt

What the Daemon tls was tried with, generated from ` + "`internal/kernels/support/libraries.json`" + `, which its live tests write.
"Run": a program used the library on a kernel, and each request that the other end counted had one span. "Places found": the
test found in the machine code where to attach, and that the oldest kernel emulates the instructions there; it did not run.

| library | version | architecture | program | result |
|---|---|---|---|---|
`

// librariesTable is the section of the page.
func librariesTable(all []Library) string {
	if len(all) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString(librariesHead)
	for _, l := range all {
		result := "places found"
		switch {
		case l.Unseen != "":
			result = "not seen: " + l.Unseen
		case l.Kernel != "":
			result = fmt.Sprintf("run on Linux %s: %d requests, %d spans", l.Kernel, l.Requests, l.Requests)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", l.Library, l.Version, l.Arch, l.Program, result)
	}
	return b.String()
}
