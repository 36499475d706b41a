// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package golang

import (
	"errors"
	"io"
	"os"

	"go.uber.org/zap"

	"github.com/ebpfreceiver/ebpfreceiver/internal/uprobe"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// attached is one executable.
//
// Where its goroutines start is followed from when one of its processes asks for it: net/http's
// server starts a goroutine for each request, and a uprobe there would cost a server that calls
// nobody, or only from its handlers' goroutines, more than all others.
type attached struct {
	*binary
	log   *zap.Logger
	path  string
	held  *uprobe.Held // within a budget: what links has
	file  *os.File     // nil when what can be followed is
	links []io.Closer
}

// Close implements [io.Closer].
func (a *attached) Close() error {
	var errs []error
	for _, l := range a.links {
		errs = append(errs, l.Close())
	}
	a.links = nil
	return errors.Join(append(errs, a.done())...)
}

// done lets go of the file.
func (a *attached) done() error {
	if a.file == nil {
		return nil
	}
	err := a.file.Close()
	a.file = nil
	return err
}

// answer follows where goroutines start in the programs that have asked for it.
func (i *instrument) answer() {
	if !i.set.Signals.Has(probe.Traces) {
		return // it would tell parents alone
	}
	asked, err := i.marks.asked()
	if err != nil {
		i.set.Logger.Debug("What Go programs ask for cannot be read", zap.Error(err))
		return
	}
	if asked == i.asked && !i.again {
		return
	}
	i.asked, i.again = asked, false
	var pid uint32
	var p objectGoProcess
	for it := i.processes.Iterate(); it.Next(&pid, &p); {
		if p.Asks == 0 {
			continue
		}
		if info := i.set.Processes.Lookup(pid, 0); info != nil {
			i.followStarts(pid, info.StartTime)
		}
	}
}

// followStarts attaches what a process's executable has not attached yet.
func (i *instrument) followStarts(pid uint32, start uint64) {
	for _, c := range i.files.Attachments(pid, start) {
		a, ok := c.(*attached)
		if !ok || a.file == nil {
			continue
		}
		if err := i.hook(a, a.file, a.starts); err != nil {
			a.log.Warn("Goroutines that a Go program starts are not followed, which is tried again within a minute", zap.Error(err))
			continue
		}
		a.log.Info("Goroutines that a Go program starts are followed, since some call others")
		if err := a.done(); err != nil {
			a.log.Debug("An executable cannot be closed", zap.Error(err))
		}
	}
}
