// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package support

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

// Rights are what a receiver that is not root needs, found by taking each away.
type Rights struct {
	// Kernel is the series in which it was found, Arch its architecture.
	Kernel string `json:"kernel"`
	Arch   string `json:"arch"`
	// Variants are those that ran, by the name of the probe.
	Variants Told `json:"variants"`
	// Capabilities are all that were needed, in the kernel's order.
	Capabilities []Right `json:"capabilities"`
}

// Right is one capability and what does without it.
type Right struct {
	Capability string `json:"capability"`
	// Stopped are the probes that do not run at all.
	Stopped []string `json:"stopped,omitempty"`
	// Blind are, for probes that run, the programs of which they say nothing.
	Blind map[string][]string `json:"blind,omitempty"`
}

// Names lists the capabilities.
func (r *Rights) Names() []string {
	var names []string
	for _, c := range r.Capabilities {
		names = append(names, c.Capability)
	}
	return names
}

// ReadRights reads rights.json.
func ReadRights(path string) (*Rights, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := &Rights{}
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// Write writes rights.json.
func (r *Rights) Write(path string) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(r); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}

const rightsHead = `
## The rights that each probe needs

A test takes away one capability after the other from a receiver that is not root (kernel %s, %s), and compares
what it says of programs that are known with what it says with all of them. It needs these and no other:
%s.

- **runs**: without it the probe does not run.
- **sees**: without it the probe runs, and says nothing of the programs in the note.

A probe that brings no program of its own needs what the probes need that it depends on. What go adds is not compared,
but it opens executables as tls does. Kernels before 5.11 want CAP_SYS_RESOURCE, too, to lock memory for maps. Uprobes
that are no uprobe.multi (before 6.6) may want CAP_SYS_ADMIN.

`

// table makes the section.
func (r *Rights) table(n *notes) string {
	var b strings.Builder
	fmt.Fprintf(&b, rightsHead, r.Kernel, r.Arch, strings.Join(r.Names(), ", "))
	fmt.Fprintf(&b, "| probe | variant | %s |\n|---|---|%s\n", strings.Join(r.Names(), " | "), strings.Repeat("---|", len(r.Capabilities)))
	var probes []string
	for name := range r.Variants {
		probes = append(probes, name)
	}
	slices.Sort(probes)
	for _, name := range probes {
		fmt.Fprintf(&b, "| %s | %s|", name, strings.TrimLeft(r.Variants[name]+" ", " "))
		for i := range r.Capabilities {
			c := &r.Capabilities[i]
			switch {
			case slices.Contains(c.Stopped, name):
				b.WriteString(" runs |")
			case len(c.Blind[name]) > 0:
				fmt.Fprintf(&b, " sees [%d](#notes) |", n.number("Without "+c.Capability+" nothing is said of "+strings.Join(c.Blind[name], "; ")+"."))
			default:
				b.WriteString(" |")
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}
