// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package object

import (
	"io/fs"
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/object/record"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// maxResolved bounds each cache of a resolver; a name has some dozen bytes.
const maxResolved = 4096

// resolver gives a meaning to numbers that is not in the record. It is used on one
// goroutine.
type resolver struct {
	clock   *clocks
	users   map[uint32]string
	devices map[uint64]string
	cgroups map[uint64]cgroup
	walked  time.Time // when the control groups were listed last
	stacks  *symbolizer
}

type cgroup struct{ path, container string }

func newResolver(clock probe.Clock) *resolver {
	return &resolver{
		clock: newClocks(clock), users: map[uint32]string{}, devices: map[uint64]string{}, cgroups: map[uint64]cgroup{},
		stacks: newSymbolizer(),
	}
}

// text gives the meaning of a number in a format, or an empty text if it has none.
func (r *resolver) text(format record.Format, n int64) string {
	switch format {
	case record.User:
		return r.user(uint32(n))
	case record.DeviceName:
		return r.device(uint64(n))
	case record.CgroupPath:
		return r.cgroup(uint64(n)).path
	case record.Container:
		return r.cgroup(uint64(n)).container
	case record.KtimeMono:
		return r.clock.stamp(Monotonic, n).AsTime().UTC().Format(time.RFC3339Nano)
	case record.KtimeBoot:
		return r.clock.stamp(Boot, n).AsTime().UTC().Format(time.RFC3339Nano)
	}
	return ""
}

// user is the name of a user, or the number if there is none.
func (r *resolver) user(uid uint32) string {
	if name, ok := r.users[uid]; ok {
		return name
	}
	name := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(name); err == nil {
		name = u.Username
	}
	if len(r.users) >= maxResolved {
		clear(r.users)
	}
	r.users[uid] = name
	return name
}

// device is the name of a block device, or its numbers.
func (r *resolver) device(dev uint64) string {
	if name, ok := r.devices[dev]; ok {
		return name
	}
	name := strconv.FormatUint(dev>>20&0xfff, 10) + ":" + strconv.FormatUint(dev&0xfffff, 10)
	if to, err := os.Readlink("/sys/dev/block/" + name); err == nil {
		name = filepath.Base(to)
	}
	if len(r.devices) >= maxResolved {
		clear(r.devices)
	}
	r.devices[dev] = name
	return name
}

// walkEvery is the least time between two lists of all control groups.
const walkEvery = time.Second

// maxCgroups bounds a list of control groups.
const maxCgroups = 65536

// cgroup finds a control group of version 2 by its ID, which is the number of its directory's
// inode. One that is not known is looked for, but not more than once a second.
func (r *resolver) cgroup(id uint64) cgroup {
	if c, ok := r.cgroups[id]; ok {
		return c
	}
	if now := time.Now(); now.Sub(r.walked) >= walkEvery {
		r.walked = now
		r.walk()
	}
	return r.cgroups[id]
}

func (r *resolver) walk() {
	root := cgroupRoot()
	if root == "" {
		return
	}
	found := map[uint64]cgroup{}
	// What vanishes meanwhile is left out.
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil //nolint:nilerr // it has vanished
		}
		if len(found) >= maxCgroups {
			return fs.SkipAll
		}
		info, err := d.Info()
		if err != nil {
			return nil //nolint:nilerr // it has vanished
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return fs.SkipAll
		}
		relative := path[len(root):]
		if relative == "" {
			relative = "/"
		}
		container, _ := discovery.ContainerOf(relative)
		found[stat.Ino] = cgroup{relative, container}
		return nil
	})
	// Those that are gone are remembered as long as there is room: records may be late.
	if len(r.cgroups)+len(found) > maxCgroups {
		clear(r.cgroups)
	}
	maps.Copy(r.cgroups, found)
}
