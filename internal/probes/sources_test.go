// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && amd64

package probes_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"

	"github.com/ebpfreceiver/ebpfreceiver/internal/kernels/support"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes"
)

// sources are what the pages are made of, besides the probes themselves.
type sources struct {
	metadata declared
	code     map[string]string // of each probe
	sections []section         // of docs/metrics.md
	rows     []support.Row
	rights   *support.Rights
	measured []cost
}

// declared is what metadata.yaml says of events.
type declared struct {
	Events map[string]struct {
		Description string   `mapstructure:"description"`
		Attributes  []string `mapstructure:"attributes"`
	} `mapstructure:"events"`
	Attributes map[string]struct {
		Description string `mapstructure:"description"`
		Type        string `mapstructure:"type"`
	} `mapstructure:"attributes"`
}

// section is one of docs/metrics.md.
type section struct {
	probes  []string
	anchor  string
	spans   bool
	metrics [][]string
}

// cost is what was measured of a probe.
type cost struct {
	Probe    string        `json:"probe"`
	Kernel   string        `json:"kernel"`
	Variant  string        `json:"variant"`
	Load     string        `json:"load"`
	Programs []programCost `json:"programs"`
}

// programCost is what was measured of a program: its calls and their mean time.
type programCost struct {
	Name        string `json:"name"`
	Calls       uint64 `json:"calls"`
	Nanoseconds uint64 `json:"ns"`
}

func newSources(t testing.TB) *sources {
	t.Helper()
	s := &sources{code: map[string]string{}}
	text, err := os.ReadFile("../../metadata.yaml")
	require.NoError(t, err)
	yaml, err := confmap.NewRetrievedFromYAML(text)
	require.NoError(t, err)
	conf, err := yaml.AsConf()
	require.NoError(t, err)
	require.NoError(t, conf.Unmarshal(&s.metadata, confmap.WithIgnoreUnused()))
	require.NotEmpty(t, s.metadata.Events)

	for _, f := range probes.All() {
		files, err := filepath.Glob(filepath.Join(f.Manifest.Name, "*.go"))
		require.NoError(t, err)
		require.NotEmpty(t, files, f.Manifest.Name)
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			s.code[f.Manifest.Name] += string(text)
		}
	}
	text, err = os.ReadFile("../../docs/metrics.md")
	require.NoError(t, err)
	s.sections = sectionsOf(string(text))

	s.rows, err = support.Read("../kernels/support/results.json")
	require.NoError(t, err)
	s.rights, err = support.ReadRights("../kernels/support/rights.json")
	require.NoError(t, err)
	if text, err = os.ReadFile("testdata/costs.json"); err == nil {
		require.NoError(t, json.Unmarshal(text, &s.measured))
	}
	return s
}

// sectionsOf reads the headings and the tables of metrics.
func sectionsOf(text string) []section {
	var all []section
	inTable := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			names, spans := strings.CutPrefix(heading, "Spans of ")
			anchor := strings.ReplaceAll(strings.ToLower(strings.ReplaceAll(heading, ",", "")), " ", "-")
			all = append(all, section{probes: strings.Split(names, ", "), anchor: anchor, spans: spans})
		}
		if strings.HasPrefix(line, "| Name | Unit | Type |") {
			inTable = true
			continue
		}
		if !strings.HasPrefix(line, "|") {
			inTable = false
		}
		if cells := strings.Split(line, " | "); inTable && len(cells) >= 3 && len(all) > 0 && !strings.HasPrefix(line, "|--") {
			cells[0] = strings.TrimPrefix(cells[0], "| ")
			last := &all[len(all)-1]
			last.metrics = append(last.metrics, cells[:3])
		}
	}
	return all
}

func (s *sources) sectionsOf(probe string) []section {
	var found []section
	for _, one := range s.sections {
		if slices.Contains(one.probes, probe) {
			found = append(found, one)
		}
	}
	return found
}

// eventsOf are the events of metadata.yaml whose names are in the probe's code.
func (s *sources) eventsOf(probe string) []string {
	var found []string
	for _, name := range slices.Sorted(maps.Keys(s.metadata.Events)) {
		if strings.Contains(s.code[probe], `"`+name+`"`) {
			found = append(found, name)
		}
	}
	return found
}

// chosen are the kernels on which a variant of a probe runs, without lockdown; no variant means
// those on which none does.
func (s *sources) chosen(probe, variant string) []string {
	var found []string
	for _, row := range s.rows {
		if row.Lockdown != "none" {
			continue
		}
		for _, p := range row.Probes {
			if p.Name == probe && p.Variant == variant && (variant != "" || p.State == "unsupported") {
				found = append(found, fmt.Sprintf("%s %s", row.Kernel, row.Arch))
			}
		}
	}
	return found
}

func (s *sources) costOf(probe string) *cost {
	if i := slices.IndexFunc(s.measured, func(c cost) bool { return c.Probe == probe }); i >= 0 {
		return &s.measured[i]
	}
	return nil
}
