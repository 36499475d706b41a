// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package object

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

const (
	// loadTime is what the dynamic loader is given to map libraries after an exec, ns.
	loadTime = 100e6
	// lookEvery is the pace at which all processes are looked at again, ns: for libraries
	// that are loaded later.
	lookEvery = 15e9
	// linger is how long a file stays attached when no process maps it any more.
	linger = 10 * time.Second
	// maxFollowed bounds the files of a path that are attached to: one in each image of a
	// container.
	maxFollowed = 1024
	// maxQueued bounds what happened to processes between two ticks.
	maxQueued = 16384
)

// follower attaches programs to the files that selected processes map, as these see them: to
// each file once, for as long as a process maps it.
type follower struct {
	i      *Instrument
	specs  *specIDs
	groups map[string]*followed
	cancel func()

	events queue
	// running is held while files are looked at, attached to and detached from.
	running sync.Mutex
	closed  bool
	waiting map[process]uint64 // when a process is looked at again, boot time in ns
	looked  uint64
}

// followed are the programs for one path.
type followed struct {
	programs []string
	files    *discovery.Files
	overflow uint64
}

type process struct {
	pid   uint32
	start uint64
}

func newFollower(i *Instrument, specs *specIDs) *follower {
	return &follower{i: i, specs: specs, groups: map[string]*followed{}, waiting: map[process]uint64{}}
}

// add takes a program.
func (f *follower) add(program string, a *AttachConfig) error {
	name, err := pathOf(f.i.v.spec.Programs[program], a)
	if err != nil {
		return err
	}
	g := f.groups[name]
	if g == nil {
		g = &followed{}
		g.files = discovery.NewFiles(discovery.FilesOptions{
			Wanted: func(mapped string, main, _ bool) bool { return wanted(name, mapped, main) },
			Attach: func(file probe.File, open *os.File) io.Closer { return f.attach(g, file, open) },
			Linger: linger, Max: maxFollowed,
		})
		f.groups[name] = g
	}
	g.programs = append(g.programs, program)
	return nil
}

// wanted tells whether a file that a process maps is meant: by its path, the pattern of its
// name, or as the executable. Many distributions have moved /lib and /bin to /usr.
func wanted(name, mapped string, main bool) bool {
	switch {
	case name == "":
		return main
	case strings.Contains(name, "/"):
		return match(name, mapped) || match("/usr"+name, mapped)
	}
	return match(name, path.Base(mapped))
}

func match(pattern, name string) bool {
	ok, _ := path.Match(pattern, name) // it was checked
	return ok
}

// attach attaches all programs of a path to a file, or none.
func (f *follower) attach(g *followed, file probe.File, open *os.File) io.Closer {
	where := elfFile{path: fmt.Sprintf("/proc/self/fd/%d", open.Fd()), name: file.Path}
	var all closers
	for _, name := range g.programs {
		a := f.i.cfg.Attach[name]
		done, err := attachTo(where, f.i.collection, f.i.v.spec.Programs[name], f.i.collection.Programs[name], &a, f.specs)
		if err != nil {
			f.i.set.Logger.Warn("A file of a selected process cannot be observed", zap.String("file", file.Path), zap.Error(errors.Join(err, all.Close())))
			return nil
		}
		all = append(all, &done.closers)
	}
	f.i.set.Logger.Debug("Observing a file of a selected process", zap.String("file", file.Path), zap.Uint64("inode", file.Inode), zap.Strings("programs", g.programs))
	return &all
}

// start looks at the processes that run, and follows them from then on.
func (f *follower) start() error {
	f.cancel = f.i.events.Subscribe(f.events.put)
	pids, err := discovery.Running()
	if err != nil {
		return errors.Join(fmt.Errorf("list processes: %w", err), f.Close())
	}
	f.running.Lock()
	defer f.running.Unlock()
	for _, p := range pids {
		if f.i.set.Processes.Lookup(p.PID, p.Start) != nil {
			f.look(process{p.PID, p.Start})
		}
	}
	return nil
}

func (f *follower) look(p process) {
	for _, g := range f.groups {
		g.files.Look(p.pid, p.start, false)
	}
}

// tick takes what happened to processes since the last one. now is kernel boot time, ns.
func (f *follower) tick(now uint64) {
	f.running.Lock()
	defer f.running.Unlock()
	if f.closed {
		return
	}
	happened, lost := f.events.take()
	for _, h := range happened {
		// With an exec all mappings are gone, too.
		for _, g := range f.groups {
			g.files.Gone(h.pid, h.start, now)
		}
		delete(f.waiting, h.process)
		if !h.gone {
			// The executable is there at once, libraries come later.
			f.look(h.process)
			f.waiting[h.process] = now + loadTime
		}
	}
	for p, due := range f.waiting {
		if due <= now {
			delete(f.waiting, p)
			f.look(p)
		}
	}
	if lost || now-f.looked >= lookEvery {
		f.looked = now
		f.sweep(now)
	}
	for _, g := range f.groups {
		g.files.Tick(now)
		if n := g.files.Overflow(); n > g.overflow {
			g.overflow = n
			f.i.warn("More files of selected processes match a path than are attached to", zap.Strings("programs", g.programs), zap.Int("most", maxFollowed))
		}
	}
}

// sweep looks at all selected processes again.
func (f *follower) sweep(now uint64) {
	for _, g := range f.groups {
		g.files.Sweep(now, func(uint32, uint64) {})
	}
	pids, err := discovery.Running()
	if err != nil {
		f.i.warn("Processes cannot be listed", zap.Error(err))
		return
	}
	for _, p := range pids {
		if f.i.set.Processes.Lookup(p.PID, p.Start) != nil {
			f.look(process{p.PID, p.Start})
		}
	}
}

// Close detaches from all files.
func (f *follower) Close() error {
	f.cancel()
	f.running.Lock()
	defer f.running.Unlock()
	f.closed = true
	var errs []error
	for _, g := range f.groups {
		errs = append(errs, g.files.Close())
	}
	return errors.Join(errs...)
}

// happening is an exec or the end of a process.
type happening struct {
	process
	// gone tells that it has ended, or has become one that is not selected.
	gone bool
}

// queue takes what the Daemon discovery tells, on its goroutine.
type queue struct {
	mu   sync.Mutex
	all  []happening
	lost bool
}

func (q *queue) put(e *discovery.Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.all) >= maxQueued {
		q.lost = true // the next sweep finds out
		return
	}
	q.all = append(q.all, happening{process{e.PID, e.Start}, e.Kind == discovery.Exit || e.Process == nil})
}

func (q *queue) take() (all []happening, lost bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	all, lost = q.all, q.lost
	q.all, q.lost = nil, false
	return all, lost
}
