// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	// tick is the unit of start times in /proc/PID/stat: USER_HZ is 100 on all
	// architectures that the programs are compiled for.
	tick = 10_000_000
	// forkNoExec is PF_FORKNOEXEC of linux/sched.h: no exec since the fork.
	forkNoExec = 0x40

	maxCmdline = 32 << 10
	// maxEnviron is what execve accepts for arguments and environment with the
	// usual stack limit, divided by 16.
	maxEnviron = 128 << 10
)

// procFS reads a proc file system. The zero value reads /proc.
type procFS string

func (p procFS) path(pid uint32, name string) string {
	root := string(p)
	if root == "" {
		root = "/proc"
	}
	if pid == 0 {
		return filepath.Join(root, name)
	}
	return filepath.Join(root, strconv.FormatUint(uint64(pid), 10), name)
}

// pids lists all processes.
func (p procFS) pids() ([]uint32, error) {
	dir, err := os.Open(p.path(0, ""))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var pids []uint32
	for _, name := range names {
		if pid, err := strconv.ParseUint(name, 10, 32); err == nil {
			pids = append(pids, uint32(pid))
		}
	}
	return pids, nil
}

// procStat is what is needed of /proc/PID/stat.
type procStat struct {
	comm   string
	parent uint32
	flags  uint64
	start  uint64 // boot time in ns, of the resolution of tick
	memory activity
}

// activity changes when a process maps a file: that takes space in its memory, and the dynamic
// loader writes into it.
type activity struct{ faults, size uint64 }

var errStat = errors.New("malformed stat")

func (p procFS) stat(pid uint32) (procStat, error) {
	var room [1024]byte // its name is of 15 bytes at most, and 51 numbers follow
	n, err := readShort(p.path(pid, "stat"), room[:])
	if err != nil {
		return procStat{}, err
	}
	s, err := parseStat(room[:n])
	if err != nil {
		return s, fmt.Errorf("%s: %w", p.path(pid, "stat"), err)
	}
	return s, nil
}

// size gives the text of /proc/PID/statm. Of the files of a process that tell of its memory it is
// the one that the kernel is fastest with.
func (p procFS) size(pid uint32, room []byte) ([]byte, error) {
	n, err := readShort(p.path(pid, "statm"), room)
	return room[:n], err
}

// parseStat reads the fields as proc_pid_stat(5) numbers them.
func parseStat(text []byte) (s procStat, err error) {
	open, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return s, errStat
	}
	s.comm = string(text[open+1 : end])
	fields := strings.Fields(string(text[end+1:])) // field 3 is the first of these
	if len(fields) < 20 {
		return s, errStat
	}
	parent, err1 := strconv.ParseUint(fields[4-3], 10, 32)
	flags, err2 := strconv.ParseUint(fields[9-3], 10, 64)
	start, err3 := strconv.ParseUint(fields[22-3], 10, 64)
	if err := errors.Join(err1, err2, err3); err != nil {
		return s, errStat
	}
	s.parent, s.flags, s.start = uint32(parent), flags, start*tick
	s.memory.faults, _ = strconv.ParseUint(fields[10-3], 10, 64)
	if len(fields) > 23-3 {
		s.memory.size, _ = strconv.ParseUint(fields[23-3], 10, 64)
	}
	return s, nil
}

// procStatus is what is needed of /proc/PID/status.
type procStatus struct {
	uid, euid uint32
	innerPID  uint32 // in the process's own PID namespace
}

func (p procFS) status(pid uint32) (procStatus, error) {
	text, err := os.ReadFile(p.path(pid, "status"))
	if err != nil {
		return procStatus{}, err
	}
	return parseStatus(text), nil
}

func parseStatus(text []byte) procStatus {
	var s procStatus
	for line := range bytes.Lines(text) {
		key, rest, _ := strings.Cut(string(line), ":")
		fields := strings.Fields(rest)
		switch {
		case key == "Uid" && len(fields) >= 2:
			s.uid, s.euid = number(fields[0]), number(fields[1])
		case key == "NSpid" && len(fields) > 0:
			s.innerPID = number(fields[len(fields)-1])
		}
	}
	return s
}

func number(text string) uint32 {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}

// exe is the path of the executable, as its process sees it.
func (p procFS) exe(pid uint32) string {
	path, err := os.Readlink(p.path(pid, "exe"))
	if err != nil {
		return "" // a kernel thread, or gone, or not ours to see
	}
	return strings.TrimSuffix(path, " (deleted)")
}

func (p procFS) args(pid uint32) []string {
	return splitArgs(p.bounded(pid, "cmdline", maxCmdline))
}

func (p procFS) environ(pid uint32) []byte { return p.bounded(pid, "environ", maxEnviron) }

func (p procFS) cgroup(pid uint32) string { return string(p.bounded(pid, "cgroup", 16<<10)) }

// bounded reads what can be read of a file, up to limit.
func (p procFS) bounded(pid uint32, name string, limit int64) []byte {
	f, err := os.Open(p.path(pid, name))
	if err != nil {
		return nil
	}
	defer f.Close()
	// An error means that the process ended meanwhile; what was read counts.
	text, _ := io.ReadAll(io.LimitReader(f, limit))
	return text
}

// splitArgs splits at zeros. A process may have overwritten its arguments with
// one line padded with zeros.
func splitArgs(text []byte) []string {
	text = bytes.TrimRight(text, "\x00")
	if len(text) == 0 {
		return nil
	}
	return strings.Split(strings.ToValidUTF8(string(text), "�"), "\x00")
}
