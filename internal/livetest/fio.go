// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package livetest

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// FioResult is what fio says of one job, which ran in the threads of one process.
type FioResult struct {
	PID  int
	jobs map[string]fioOperation
	sync fioLatency
}

type fioOperation struct {
	Total   int        `json:"total_ios"`
	Latency fioLatency `json:"clat_ns"`
	Whole   fioLatency `json:"lat_ns"`
}

type fioLatency struct {
	N          int                `json:"N"`
	Percentile map[string]float64 `json:"percentile"`
}

// FioLatency is that of one kind of operation, from its submission to its completion.
type FioLatency struct {
	Operations int
	fioLatency
	whole fioLatency
}

// Quantile is one of 0.5, 0.9, 0.95 and 0.99, in seconds.
func (l FioLatency) Quantile(q float64) float64 { return l.quantile(q) }

// Whole is the same, counted from before the submission, where that is a call of its own.
func (l FioLatency) Whole(q float64) float64 { return l.whole.quantile(q) }

func (l *fioLatency) quantile(q float64) float64 {
	return l.Percentile[fmt.Sprintf("%.6f", 100*q)] / 1e9
}

// Latency is that of "read", "write" or "sync".
func (r *FioResult) Latency(op string) FioLatency {
	if op == "sync" {
		return FioLatency{Operations: r.sync.N, fioLatency: r.sync}
	}
	return FioLatency{r.jobs[op].Total, r.jobs[op].Latency, r.jobs[op].Whole}
}

// Fio lays out a file in a folder and then runs a job of fio with it, one operation at a time.
func Fio(t testing.TB, dir string, args ...string) *FioResult {
	t.Helper()
	if _, err := exec.LookPath("fio"); err != nil {
		t.Skip("there is no fio")
	}
	all := append([]string{
		"--name=job", "--filename=" + filepath.Join(dir, "fio"), "--ioengine=psync", "--thread", "--nice=-20", "--output-format=json",
		"--percentile_list=50:90:95:99", "--lat_percentiles=1", "--clat_percentiles=1",
	}, args...)
	out, err := exec.Command("fio", append(all, "--create_only=1")...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	cmd := exec.Command("fio", all...)
	out, err = cmd.Output()
	require.NoError(t, err, "%s", out)
	var said struct {
		Jobs []struct {
			Read  fioOperation `json:"read"`
			Write fioOperation `json:"write"`
			Sync  struct {
				Latency fioLatency `json:"lat_ns"`
			} `json:"sync"`
		} `json:"jobs"`
	}
	require.NoError(t, json.Unmarshal(out, &said), "%s", out)
	require.Len(t, said.Jobs, 1)
	j := said.Jobs[0]
	return &FioResult{PID: cmd.Process.Pid, jobs: map[string]fioOperation{"read": j.Read, "write": j.Write}, sync: j.Sync.Latency}
}
