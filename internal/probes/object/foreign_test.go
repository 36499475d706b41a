// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && amd64

package object_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"

	"github.com/ebpfreceiver/ebpfreceiver/internal/kernels"
	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest"
	"github.com/ebpfreceiver/ebpfreceiver/internal/livetest/foreign"
	objects "github.com/ebpfreceiver/ebpfreceiver/internal/probes/object"
)

// foreigner is an object that nobody here wrote.
type foreigner struct {
	name    string
	section string // of the configuration; %[1]s is the object's path
	// lacks is the sentence that says why a kernel cannot run it, or empty.
	lacks func(k *facts) string
	// causes makes happen what the object observes, and gives what then checks the telemetry.
	// Each runs after those before it, while all objects are attached.
	causes func(t *testing.T, o *observed) (check func(t *testing.T))
}

// Objects that nobody here wrote, in one receiver: what they say is right, or why the kernel
// cannot run them.
func TestAnyKernelForeign(t *testing.T) {
	livetest.RequireRoot(t)
	livetest.Tracefs(t)
	dir := kernels.Extra
	if os.Getenv(kernels.InGuest) == "" {
		dir = t.TempDir()
		gotten(t, dir, foreign.All(dir))
	}
	self, err := os.Executable()
	require.NoError(t, err)
	k := findFacts(t)
	all := slices.Concat(foreignNetwork(t), foreignProcesses(t))
	sections := map[string]string{}
	for _, f := range all {
		sections["object/"+f.name] = fmt.Sprintf(f.section, filepath.Join(dir, f.name+foreign.Ext))
	}
	o, told := startDegraded(t, sections, targets(self))
	checks := map[string]func(t *testing.T){}
	for _, f := range all {
		lacks := f.lacks(k)
		assert.Equal(t, lacks, told["object/"+f.name], f.name)
		if lacks == "" && told["object/"+f.name] == "" {
			checks[f.name] = f.causes(t, o)
		}
	}
	for _, f := range all {
		t.Run(f.name, func(t *testing.T) {
			if checks[f.name] == nil {
				t.Skip("not on this kernel: ", told["object/"+f.name])
			}
			checks[f.name](t)
		})
	}
	t.Run("account", func(t *testing.T) {
		for _, f := range all {
			if checks[f.name] == nil || !strings.Contains(f.section, "log:") && !strings.Contains(f.section, "span:") {
				continue // the unit is a record
			}
			var a map[string]int64
			until(t, f.name+" to be counted", func() bool { // the counts are not read at one moment
				a = o.accountOf("object/" + f.name)
				return a["seen"] > 0 && a["seen"] == a["delivered"]+a["filtered"]+a["lost"]
			})
			t.Log(f.name, a)
		}
	})
}

// What describe proposes for an object that nobody here wrote is a section, which tells what is
// to be filled in.
func TestLiveDescribeForeign(t *testing.T) {
	livetest.RequireRoot(t)
	dir := t.TempDir()
	gotten(t, dir, foreign.All(dir))
	for _, name := range append(foreign.Examples(), foreign.Tools()...) {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			require.NoError(t, objects.Describe(&out, filepath.Join(dir, name+foreign.Ext)))
			_, section, ok := strings.Cut(out.String(), "\nreceivers:")
			require.True(t, ok)
			r, err := confmap.NewRetrievedFromYAML([]byte("receivers:" + section))
			require.NoError(t, err, section)
			all, err := r.AsConf()
			require.NoError(t, err)
			conf, err := all.Sub("receivers::ebpf::probes::object/" + name)
			require.NoError(t, err)
			cfg := objects.Factory().DefaultConfig()
			require.NoError(t, conf.Unmarshal(cfg))
			require.NoError(t, confmap.Validate(cfg), section)
			_, err = objects.Factory().Instance("object/"+name, cfg)
			if err != nil { // a comment in the section says what is missing
				t.Log(err)
				assert.Regexp(t, `does not say|there are no outputs|allow_enforcement|does not tell`, err.Error())
			}
		})
	}
}
