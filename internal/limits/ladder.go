// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package limits

import "fmt"

// Kind is what a step sheds.
type Kind string

// The kinds, in the order in which they are shed.
const (
	Sampling Kind = "sampling" // spans
	Content  Kind = "content"  // what spans say at length
	Process  Kind = "process"  // all of the process that is noisiest
	Probe    Kind = "probe"    // all of the probe that costs most
)

// Kinds lists them.
func Kinds() []Kind { return []Kind{Sampling, Content, Process, Probe} }

// Step is one step of shedding.
type Step struct {
	Kind Kind
	// Drop is the part of the traces that is left out, for Sampling.
	Drop float64
}

// String says what the step does.
func (s Step) String() string {
	switch s.Kind {
	case Sampling:
		if s.Drop == 1 {
			return "no spans are made"
		}
		return fmt.Sprintf("%g %% of the traces are left out", 100*s.Drop)
	case Content:
		return "header fields, sizes of bodies and texts of queries are left out of spans"
	case Process:
		return "the noisiest process is not observed"
	default:
		return "the dearest probe is detached"
	}
}

// maxProcesses is how many processes are given up before a whole probe is.
const maxProcesses = 4

// Ladder are the steps for so many probes that can be detached.
func Ladder(probes int) []Step {
	var steps []Step
	for _, drop := range []float64{0.5, 0.9, 0.99, 1} {
		steps = append(steps, Step{Kind: Sampling, Drop: drop})
	}
	steps = append(steps, Step{Kind: Content})
	for range maxProcesses {
		steps = append(steps, Step{Kind: Process})
	}
	for range probes {
		steps = append(steps, Step{Kind: Probe})
	}
	return steps
}
