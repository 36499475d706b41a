// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// FileID tells a file from all others, as /proc/PID/maps has it, for as long as it
// is open, mapped or probed.
type FileID struct{ Device, Inode uint64 }

// mapped is a file whose code a process maps.
type mapped struct {
	id   FileID
	path string // as the process sees it
	at   string // the addresses, as in /proc/PID/map_files
}

// maxMaps bounds what is read of one process's mappings: some ten thousand of them.
const maxMaps = 1 << 20

// mapped lists the files whose code a process maps, each once.
func (p procFS) mapped(pid uint32) []mapped {
	var files []mapped
	seen := map[FileID]bool{}
	for line := range bytes.Lines(p.bounded(pid, "maps", maxMaps)) {
		m, ok := parseMapping(string(line))
		if ok && !seen[m.id] {
			seen[m.id] = true
			files = append(files, m)
		}
	}
	return files
}

// parseMapping reads a line of /proc/PID/maps, as proc_pid_maps(5) has it: addresses,
// permissions, offset, device, inode, path.
func parseMapping(line string) (m mapped, ok bool) {
	rest := strings.TrimSuffix(line, "\n")
	var fields [5]string
	for i := range fields {
		fields[i], rest, ok = strings.Cut(strings.TrimLeft(rest, " "), " ")
		if !ok {
			return m, false // without a path
		}
	}
	path := strings.TrimLeft(rest, " ")
	major, minor, ok := strings.Cut(fields[3], ":")
	if !ok || len(fields[1]) < 3 || fields[1][2] != 'x' || !strings.HasPrefix(path, "/") {
		return m, false
	}
	ma, err1 := strconv.ParseUint(major, 16, 32)
	mi, err2 := strconv.ParseUint(minor, 16, 32)
	inode, err3 := strconv.ParseUint(fields[4], 10, 64)
	if errors.Join(err1, err2, err3) != nil || inode == 0 {
		return m, false
	}
	from, to, _ := strings.Cut(fields[0], "-")
	return mapped{
		FileID{ma<<32 | mi, inode}, strings.TrimSuffix(path, " (deleted)"),
		// There addresses are not padded with zeros.
		strings.TrimLeft(from, "0") + "-" + strings.TrimLeft(to, "0"),
	}, true
}

// open opens a file that a process maps: the very one, whatever its path leads to by
// now and in whatever mount namespace it is.
func (p procFS) open(pid uint32, m mapped) (*os.File, error) {
	f, err := os.Open(p.path(pid, "map_files/"+m.at))
	if err == nil || !errors.Is(err, fs.ErrPermission) {
		return f, err
	}
	// Without CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE there is only the path.
	f, err = os.Open(p.path(pid, "root") + m.path)
	if err != nil {
		return nil, err
	}
	if key, ok := keyOf(f); !ok || key.inode != m.id.Inode {
		_ = f.Close()
		return nil, fmt.Errorf("%s is another file by now: %w", m.path, fs.ErrNotExist)
	}
	return f, nil
}

// Process is one of those that run.
type Process struct {
	PID   uint32
	Start uint64 // kernel boot time, ns, with the resolution of /proc
}

// Running lists all processes.
func Running() ([]Process, error) {
	var fs procFS
	pids, err := fs.pids()
	if err != nil {
		return nil, err
	}
	processes := make([]Process, 0, len(pids))
	for _, pid := range pids {
		if st, err := fs.stat(pid); err == nil {
			processes = append(processes, Process{pid, st.start})
		}
	}
	return processes, nil
}
