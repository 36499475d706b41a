// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package discovery

import "github.com/ebpfreceiver/ebpfreceiver/receiver/probe"

// programs names those of a variant by what they report.
type programs struct{ fork, exec, exit, listen string }

func (p *programs) all() []string { return []string{p.fork, p.exec, p.exit, p.listen} }

// The names of the variants.
const (
	tpBTF      = "tp_btf"
	rawTP      = "raw_tp"
	tracepoint = "tracepoint"
)

var programsOf = map[string]programs{
	tpBTF:      {"process_fork", "process_exec", "process_exit", "process_listen"},
	rawTP:      {"process_raw_fork", "process_raw_exec", "process_raw_exit", "process_raw_listen"},
	tracepoint: {"process_classic_fork", "process_classic_exec", "process_classic_exit", "process_classic_listen"},
}

// variants are ordered by what they were measured to cost. For a process of the
// live suite of internal/kernels the programs of each executed, in this order, 14,
// 21 and 19 thousand instructions of the processor, measured as those of the
// probe socket; to the last the record is added that the kernel makes for a classic
// tracepoint.
func variants() []probe.Variant {
	const port = "the port of a server that listens without bind, at the moment when it begins to"
	all := []probe.Variant{
		{Name: tpBTF, Loses: []string{port}},
		{Name: rawTP, Loses: []string{port}},
		{Name: tracepoint, Loses: []string{port,
			"the interpreter of a script that is gone before it is looked at, unless its arguments tell"}},
	}
	for i := range all {
		p := programsOf[all[i].Name]
		all[i].Spec, all[i].Programs = loadProcess, p.all()
	}
	return all
}
