// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package probe_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/ebpfreceiver/ebpfreceiver"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// execs makes a log record of each exec of a selected process. Nothing in it
// needs more of the receiver than the package probe.
type execs struct {
	emit       probe.Emitter
	processes  probe.Processes
	clock      probe.Clock
	collection *ebpf.Collection
	counts     probe.Counts
}

func factory() probe.Factory {
	return probe.Factory{
		Manifest: probe.Manifest{
			Name:      "execs",
			Kind:      probe.Instrument,
			Summary:   "A log record of each exec.",
			Signals:   probe.Logs,
			DependsOn: []string{"discovery"}, // it knows the processes
			Variants:  []probe.Variant{{Name: "raw_tracepoint", Spec: object}},
			Stability: component.StabilityLevelDevelopment,
		},
		New: func(set probe.Settings, _ any) (probe.Probe, error) {
			return &execs{emit: set.Emit, processes: set.Processes, clock: set.Clock}, nil
		},
	}
}

// object is mostly compiled from C by bpf2go. This program sends the ID of each
// process that calls exec. A real one also counts what the ring had no space for.
func object() (*ebpf.CollectionSpec, error) {
	return &ebpf.CollectionSpec{
		Maps: map[string]*ebpf.MapSpec{
			"records": {Name: "records", Type: ebpf.RingBuf, MaxEntries: 64 << 10},
		},
		Programs: map[string]*ebpf.ProgramSpec{
			"on_exec": {
				Name: "on_exec", Type: ebpf.RawTracepoint, AttachTo: "sched_process_exec", License: "Dual BSD/GPL",
				Instructions: asm.Instructions{
					asm.FnGetCurrentPidTgid.Call(),
					asm.RSh.Imm(asm.R0, 32),
					asm.StoreMem(asm.RFP, -8, asm.R0, asm.DWord),
					asm.LoadMapPtr(asm.R1, 0).WithReference("records"),
					asm.Mov.Reg(asm.R2, asm.RFP),
					asm.Add.Imm(asm.R2, -8),
					asm.Mov.Imm(asm.R3, 8),
					asm.Mov.Imm(asm.R4, 0),
					asm.FnRingbufOutput.Call(),
					asm.Mov.Imm(asm.R0, 0),
					asm.Return(),
				},
			},
		},
	}, nil
}

func (e *execs) Load(_ context.Context, l *probe.Loading) (err error) {
	e.collection, err = l.Collection()
	return err
}

func (e *execs) Attach(context.Context, probe.Target) (io.Closer, error) {
	return link.AttachRawTracepoint(link.RawTracepointOptions{
		Name: "sched_process_exec", Program: e.collection.Programs["on_exec"],
	})
}

func (e *execs) Close() error {
	if e.collection != nil {
		e.collection.Close()
	}
	return nil
}

// Rings makes execs a [probe.RingReader].
func (e *execs) Rings() []probe.Ring {
	return []probe.Ring{{Map: e.collection.Maps["records"], Handle: e.handle}}
}

func (e *execs) handle(record []byte) {
	e.counts.Seen++
	if len(record) < 8 {
		e.counts.Lost[probe.Undecodable]++
		return
	}
	p := e.processes.Lookup(uint32(binary.NativeEndian.Uint64(record)), 0)
	if p == nil {
		e.counts.Filtered++ // it is not selected
		return
	}
	r := e.emit.LogRecord(p)
	r.SetEventName("example.exec")
	r.SetTimestamp(e.clock.Timestamp(e.clock.Now()))
	r.SetSeverityNumber(plog.SeverityNumberInfo)
	r.Body().SetStr(fmt.Sprintf("process %d ran an executable", p.PID))
	r.Attributes().PutInt("process.pid", int64(p.PID))
	e.counts.Delivered++
}

// Counts makes execs a [probe.Accountant].
func (e *execs) Counts() probe.Counts { return e.counts }

// A probe from another module is put into the receiver with WithProbes. Here
// it sees a program of its own; in a collector the receiver's factory comes from
// a package that exports NewFactory.
func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "observed")
	if err := copyFile(program, "/bin/sleep"); err != nil {
		fmt.Println(err)
		return
	}

	// What a collector does with its YAML file.
	f := ebpfreceiver.NewFactory(ebpfreceiver.WithProbes(factory()))
	cfg := f.CreateDefaultConfig()
	if err := confmap.NewFromStringMap(map[string]any{
		"on_unsupported": "fail",
		"targets":        []any{map[string]any{"exe": program, "service_name": "sleeper"}},
		"probes":         map[string]any{"execs": nil},
	}).Unmarshal(cfg); err != nil {
		fmt.Println(err)
		return
	}
	sink := new(consumertest.LogsSink)
	ctx := context.Background()
	logs, err := f.CreateLogs(ctx, receivertest.NewNopSettings(f.Type()), cfg, sink)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := logs.Start(ctx, componenttest.NewNopHost()); err != nil {
		fmt.Println(err)
		return
	}

	cmd := exec.Command(program, "60")
	if err := cmd.Start(); err != nil {
		fmt.Println(err)
	}
	for deadline := time.Now().Add(20 * time.Second); sink.LogRecordCount() == 0 && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if err := logs.Shutdown(ctx); err != nil {
		fmt.Println(err)
	}

	for _, ld := range sink.AllLogs() {
		for _, resource := range ld.ResourceLogs().All() {
			service, _ := resource.Resource().Attributes().Get("service.name")
			for _, scope := range resource.ScopeLogs().All() {
				for _, r := range scope.LogRecords().All() {
					pid, _ := r.Attributes().Get("process.pid")
					body := strings.ReplaceAll(r.Body().Str(), pid.AsString(), "PID")
					fmt.Printf("%s %s %v %q %v\n", service.Str(), r.EventName(), r.SeverityNumber(), body, pid.Int() == int64(cmd.Process.Pid))
				}
			}
		}
	}
	// Output: sleeper example.exec Info "process PID ran an executable" true
}

func copyFile(to, from string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o755)
}
