// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"errors"
	"io"
	"os"
	"time"

	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// FilesOptions are those of [Files].
type FilesOptions struct {
	// Wanted tells whether a file may be worth a look, by its path as its process sees
	// it. main tells that it is the process's executable. certain tells that the
	// process is known to use what is looked for.
	Wanted func(path string, main, certain bool) bool
	// Attach is called once for each file that is wanted, with the file open, which is
	// closed afterwards. What it returns is closed when no process maps the file any more.
	// It returns nil when there is nothing to attach to.
	Attach func(f probe.File, open *os.File) io.Closer
	// Linger is how long a file stays attached when the last process is gone: another
	// one may come soon.
	Linger time.Duration
	// Max is how many files are known at a time.
	Max int
	// Proc is where the proc file system is; empty means /proc.
	Proc string
}

// Files follows which files processes map: executables and libraries, also in
// containers. Each is attached to once, however many processes map it, and told from
// a successor under the same path. It is used on one goroutine.
type Files struct {
	opts       FilesOptions
	fs         procFS
	files      map[FileID]*file
	processes  map[key][]*file
	looked     map[key]activity // of each of them when it was last looked at
	sizes      map[key]procSize // what each said of its memory's size then, or at a sweep since
	sweeps     int
	generation uint64
	orphans    int // files that nobody maps
	overflow   uint64
}

type file struct {
	id     FileID
	key    fileKey
	closer io.Closer
	users  int
	orphan uint64 // boot time at which the last user left
}

// NewFiles makes one that knows of nothing.
func NewFiles(o FilesOptions) *Files {
	return &Files{opts: o, fs: procFS(o.Proc), files: map[FileID]*file{}, processes: map[key][]*file{}, looked: map[key]activity{}, sizes: map[key]procSize{}}
}

// Look looks at what a process maps now. start is in kernel boot time, ns. certain
// tells that it is known to use what is looked for, so that more is looked at. It
// returns false when the process is gone.
func (f *Files) Look(pid uint32, start uint64, certain bool) bool {
	k := keyFor(pid, start)
	st, err := f.fs.stat(pid)
	if err != nil || st.start/tick != k.tick {
		return false
	}
	list := f.fs.mapped(pid)
	exe := f.fs.exe(pid)
	all := true
	for _, m := range list {
		if f.opts.Wanted(m.path, m.path == exe, certain) {
			all = f.use(k, m) && all
		}
	}
	if _, known := f.processes[k]; !known && len(list) > 0 {
		f.processes[k] = nil
	}
	delete(f.looked, k)
	if len(list) > 0 && all {
		f.looked[k] = st.memory
	}
	return true
}

// Uses tells to how many attached files the process's mappings led.
func (f *Files) Uses(pid uint32, start uint64) int {
	n := 0
	for _, u := range f.processes[keyFor(pid, start)] {
		if u.closer != nil {
			n++
		}
	}
	return n
}

// Users lists the processes that map the file of an attachment.
func (f *Files) Users(c io.Closer) []uint32 {
	var pids []uint32
	for k, files := range f.processes {
		for _, u := range files {
			if u.closer == c {
				pids = append(pids, k.pid)
			}
		}
	}
	return pids
}

// use notes that the process maps the file. It returns false if the next look has to do so.
func (f *Files) use(k key, m mapped) bool {
	for _, u := range f.processes[k] {
		if u.id == m.id {
			return true
		}
	}
	known := f.files[m.id]
	if known != nil && known.users > 0 {
		f.add(k, known) // what is mapped does not change
		return true
	}
	open, err := f.fs.open(k.pid, m)
	if err != nil {
		return false // gone meanwhile
	}
	defer open.Close()
	content, _ := keyOf(open)
	if known != nil && known.key != content {
		f.drop(known) // nobody held it, and the inode has been used again
		known = nil
	}
	if known == nil {
		if len(f.files) >= f.opts.Max && !f.evict() {
			f.overflow++
			return false
		}
		f.generation++
		known = &file{id: m.id, key: content}
		known.closer = f.opts.Attach(probe.File{
			Path: m.path, Device: m.id.Device, Inode: m.id.Inode, Generation: f.generation,
		}, open)
		f.files[m.id] = known
	}
	f.add(k, known)
	return true
}

func (f *Files) add(k key, u *file) {
	if u.users++; u.users == 1 && u.orphan != 0 {
		u.orphan = 0
		f.orphans--
	}
	f.processes[k] = append(f.processes[k], u)
}

// Gone says that a process has ended, or has called exec. now is kernel boot time, ns.
func (f *Files) Gone(pid uint32, start, now uint64) {
	k := keyFor(pid, start)
	for _, u := range f.processes[k] {
		if u.users--; u.users == 0 {
			u.orphan = max(now, 1)
			f.orphans++
		}
	}
	delete(f.processes, k)
	delete(f.looked, k)
	delete(f.sizes, k)
}

// Tick detaches from files that nobody has mapped for a while. now is kernel boot time, ns.
func (f *Files) Tick(now uint64) {
	if f.orphans == 0 {
		return
	}
	for _, u := range f.files {
		if u.orphan != 0 && u.orphan+uint64(f.opts.Linger) <= now {
			f.drop(u)
		}
	}
}

// procSize is the text of /proc/PID/statm, of which no number is longer than 20 digits.
type procSize struct {
	text [160]byte
	n    int
}

// thorough is which of the sweeps looks at each process, also where the size of the memory is as it was.
const thorough = 4

// Sweep forgets processes whose end was missed, and calls again for each whose memory has changed
// since it was last looked at: most have not. now is kernel boot time, ns.
func (f *Files) Sweep(now uint64, again func(pid uint32, start uint64)) {
	f.sweeps++
	var room [160]byte
	for k := range f.processes {
		size, sizeErr := f.fs.size(k.pid, room[:])
		known := f.sizes[k]
		if sizeErr == nil && f.sweeps%thorough != 0 && known.n > 0 && string(known.text[:known.n]) == string(size) {
			continue // what it maps takes space
		}
		st, err := f.fs.stat(k.pid)
		if err != nil || st.start/tick != k.tick {
			f.Gone(k.pid, k.tick*tick, now)
			continue
		}
		if looked, ok := f.looked[k]; !ok || looked != st.memory {
			delete(f.sizes, k)
			again(k.pid, k.tick*tick)
			continue
		}
		known.n = 0
		if sizeErr == nil {
			known.n = copy(known.text[:], size)
		}
		f.sizes[k] = known
	}
}

// evict makes room by a file that nobody maps.
func (f *Files) evict() bool {
	for _, u := range f.files {
		if u.users == 0 {
			f.drop(u)
			return true
		}
	}
	return false
}

func (f *Files) drop(u *file) {
	if u.closer != nil {
		_ = u.closer.Close()
	}
	if u.orphan != 0 {
		f.orphans--
	}
	delete(f.files, u.id)
}

// Attached is the number of files that are attached to.
func (f *Files) Attached() int {
	n := 0
	for _, u := range f.files {
		if u.closer != nil {
			n++
		}
	}
	return n
}

// Overflow counts the looks at files that there was no space for.
func (f *Files) Overflow() uint64 { return f.overflow }

// Close detaches from all files.
func (f *Files) Close() error {
	var errs []error
	for _, u := range f.files {
		if u.closer != nil {
			errs = append(errs, u.closer.Close())
		}
	}
	clear(f.files)
	f.orphans = 0
	clear(f.processes)
	clear(f.looked)
	clear(f.sizes)
	return errors.Join(errs...)
}
