// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package object

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// defaultFrequency is that of most profilers: not that of anything periodic.
const defaultFrequency = 99

// perf opens the software clock of each CPU and lets it call the program.
func (d *attachment) perf(prog *ebpf.Program, a *AttachConfig) error {
	cpus, err := onlineCPUs()
	if err != nil {
		return err
	}
	attr := unix.PerfEventAttr{
		Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_CPU_CLOCK,
		Size: uint32(unsafe.Sizeof(unix.PerfEventAttr{})), Bits: unix.PerfBitDisabled,
	}
	switch {
	case a.Period != 0:
		attr.Sample = a.Period
	case a.Frequency != 0:
		attr.Sample, attr.Bits = a.Frequency, attr.Bits|unix.PerfBitFreq
	default:
		attr.Sample, attr.Bits = defaultFrequency, attr.Bits|unix.PerfBitFreq
	}
	for _, cpu := range cpus {
		fd, err := unix.PerfEventOpen(&attr, -1, cpu, -1, unix.PERF_FLAG_FD_CLOEXEC)
		if err != nil {
			return fmt.Errorf("open the clock of CPU %d: %w", cpu, err)
		}
		_ = d.add(closer(func() error { return unix.Close(fd) }), nil)
		if err := unix.IoctlSetInt(fd, unix.PERF_EVENT_IOC_SET_BPF, prog.FD()); err != nil {
			return fmt.Errorf("attach to the clock of CPU %d: %w", cpu, err)
		}
		if err := unix.IoctlSetInt(fd, unix.PERF_EVENT_IOC_ENABLE, 0); err != nil {
			return fmt.Errorf("start the clock of CPU %d: %w", cpu, err)
		}
	}
	return nil
}

// onlineCPUs lists the CPUs of a list as in "0-3,5".
func onlineCPUs() ([]int, error) {
	text, err := os.ReadFile("/sys/devices/system/cpu/online")
	if err != nil {
		return nil, fmt.Errorf("the CPUs cannot be listed: %w", err)
	}
	var cpus []int
	for part := range strings.SplitSeq(strings.TrimSpace(string(text)), ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		first, err := strconv.Atoi(from)
		last, err2 := strconv.Atoi(to)
		if err != nil || err2 != nil {
			return nil, fmt.Errorf("the list of CPUs %q is not understood", text)
		}
		for cpu := first; cpu <= last; cpu++ {
			cpus = append(cpus, cpu)
		}
	}
	return cpus, nil
}

// openFilter attaches a socket filter to a raw socket that sees all packets of an interface.
// Nobody reads the socket: what the filter keeps is dropped when its buffer is full.
func openFilter(index int, prog *ebpf.Program) (io.Closer, error) {
	const all = 0x0300 // ETH_P_ALL in network byte order
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("raw socket: %w", err)
	}
	c := closer(func() error { return unix.Close(fd) })
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ATTACH_BPF, prog.FD()); err != nil {
		_ = c()
		return nil, fmt.Errorf("attach to a raw socket: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: index, Protocol: all}); err != nil {
		_ = c()
		return nil, fmt.Errorf("bind a raw socket: %w", err)
	}
	return c, nil
}

// cgroupRoot is where the unified hierarchy of control groups is mounted, or empty.
func cgroupRoot() string {
	for _, dir := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		var fs unix.Statfs_t
		if unix.Statfs(dir, &fs) == nil && fs.Type == unix.CGROUP2_SUPER_MAGIC {
			return dir
		}
	}
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		before, after, _ := strings.Cut(line, " - ")
		if fields := strings.Fields(before); strings.HasPrefix(after, "cgroup2 ") && len(fields) > 4 {
			return fields[4]
		}
	}
	return ""
}
