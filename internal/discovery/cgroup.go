// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// cgroupPaths gives the paths in the text of a /proc/PID/cgroup: that of the
// unified hierarchy first, then those of version 1, each once.
func cgroupPaths(text string) []string {
	var paths []string
	for line := range strings.Lines(text) {
		// hierarchy-ID:controller-list:path
		hierarchy, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		_, path, ok := strings.Cut(rest, ":")
		if !ok || slices.Contains(paths, path) {
			continue
		}
		if hierarchy == "0" {
			paths = slices.Insert(paths, 0, path)
		} else {
			paths = append(paths, path)
		}
	}
	return paths
}

// mainCgroup picks the line of a /proc/PID/cgroup that says where the process
// belongs: that of the unified hierarchy, unless the process is in its root
// while version 1 knows better, as on hybrid hosts. Then systemd's own
// hierarchy, which all its units have, or else the deepest path, since a
// controller that nobody uses leaves a process in the root or half way.
func mainCgroup(text string) string {
	var best string
	var bestRank int
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		hierarchy, rest, _ := strings.Cut(line, ":")
		controllers, path, ok := strings.Cut(rest, ":")
		if !ok {
			continue
		}
		rank := cgroupDepth(path)
		switch {
		case rank == 0:
			// The unified root is the answer when all are roots.
			if hierarchy == "0" && bestRank == 0 {
				best = line
			}
		case hierarchy == "0":
			return line
		case controllers == "name=systemd":
			rank = math.MaxInt
		}
		if rank > bestRank || best == "" {
			best, bestRank = line, rank
		}
	}
	return best
}

// MainHierarchy picks, in the text of a /proc/PID/cgroup, the hierarchy of
// version 1 that tells best where processes belong: that of the line which
// [mainCgroup] picks, else systemd's own, else that of the memory controller, else
// the first one. It gives its number, the first column, or 0 if there is only
// the unified one.
func MainHierarchy(text string) int32 {
	var found, rank int
	best := mainCgroup(text)
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		hierarchy, rest, _ := strings.Cut(line, ":")
		controllers, _, ok := strings.Cut(rest, ":")
		id, err := strconv.ParseInt(hierarchy, 10, 32)
		if !ok || err != nil || id <= 0 {
			continue
		}
		here := 1
		switch {
		case line == best:
			here = 4
		case controllers == "name=systemd":
			here = 3
		case slices.Contains(strings.Split(controllers, ","), "memory"):
			here = 2
		}
		if here > rank {
			found, rank = int(id), here
		}
	}
	return int32(found)
}

// cgroupDepth is the number of folders in a path.
func cgroupDepth(path string) int {
	n := 0
	for folder := range strings.SplitSeq(path, "/") {
		if folder != "" {
			n++
		}
	}
	return n
}

// containerSegment is one folder of a path that names a container: the ID
// alone, or after the runtime's prefix as in cri-containerd-ID.scope (systemd
// driver), docker-ID.scope, crio-ID.scope, libpod-ID.scope, or
// kubepods-…:cri-containerd:ID (containerd 1.3 and before). Fargate has
// TASK-NUMBER in place of an ID.
var containerSegment = regexp.MustCompile(`(?:^|[-:])(?:([0-9a-f]{64})|([0-9a-f]{32}-[0-9]{1,20}))(?:\.scope)?$`)

// podSegment is the pod's folder: podUID (cgroupfs driver) or
// kubepods-burstable-podUID.slice with underscores (systemd driver). Static
// pods have a hash without dashes.
var podSegment = regexp.MustCompile(`(?:^|-)pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}|[0-9a-f]{32})(?:\.slice(?::.*)?)?$`)

// containerOf finds the innermost container and its pod in the paths. Either
// may be empty.
func containerOf(paths []string) (container, pod string) {
	for _, path := range paths {
		segments := strings.Split(path, "/")
		slices.Reverse(segments)
		for _, s := range segments {
			if container == "" {
				container = containerIn(s)
			}
			if m := podSegment.FindStringSubmatch(s); m != nil {
				return container, strings.ReplaceAll(m[1], "_", "-")
			}
		}
		if container != "" {
			return container, ""
		}
	}
	return "", ""
}

func containerIn(segment string) string {
	// The monitor of a container runs beside it, not in it.
	if strings.Contains(segment, "conmon-") {
		return ""
	}
	m := containerSegment.FindStringSubmatch(segment)
	if m == nil {
		return ""
	}
	return m[1] + m[2]
}

// ContainerOf finds the innermost container and its pod in the path of a control group. Either
// may be empty.
func ContainerOf(path string) (container, pod string) { return containerOf([]string{path}) }
