// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package acceptance

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// nobody is a user who owns nothing.
const nobody = 65534

// confined becomes the program of args[2:] as systemd would run it: as a user that is not
// root, with the capabilities of args[0] (a set in hexadecimal) and no others, with the
// system calls of args[1] (numbers with commas), where all file systems are read-only.
func confined(args []string) error {
	set, err := strconv.ParseUint(args[0], 16, 64)
	if err != nil {
		return err
	}
	filter, err := allow(strings.Split(args[1], ","))
	if err != nil {
		return err
	}
	runtime.LockOSThread() // all of it is done to this thread, which becomes the program
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"own mounts", func() error { return unix.Unshare(unix.CLONE_NEWNS) }},
		{"private mounts", func() error { return unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "") }},
		{"read-only mounts", func() error {
			return unix.MountSetattr(unix.AT_FDCWD, "/", unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY})
		}},
		{"bounding set", func() error {
			for c := range uintptr(41) {
				if set&(1<<c) != 0 {
					continue
				}
				if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil {
					return err
				}
			}
			return nil
		}},
		{"keep capabilities", func() error { return unix.Prctl(unix.PR_SET_KEEPCAPS, 1, 0, 0, 0) }},
		{"groups", func() error { return call(unix.SYS_SETGROUPS, 0, 0, 0) }},
		{"group", func() error { return call(unix.SYS_SETRESGID, nobody, nobody, nobody) }},
		{"user", func() error { return call(unix.SYS_SETRESUID, nobody, nobody, nobody) }},
		{"capabilities", func() error {
			header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
			low, high := uint32(set), uint32(set>>32)
			data := [2]unix.CapUserData{{Permitted: low, Effective: low, Inheritable: low}, {Permitted: high, Effective: high, Inheritable: high}}
			return unix.Capset(&header, &data[0])
		}},
		{"ambient set", func() error {
			for c := range uintptr(41) {
				if set&(1<<c) == 0 {
					continue
				}
				if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, c, 0, 0); err != nil {
					return err
				}
			}
			return nil
		}},
		{"no new privileges", func() error { return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }},
		{"system calls", func() error {
			program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
			return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0)
		}},
	} {
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return syscall.Exec(args[2], args[2:], []string{"PATH=" + os.Getenv("PATH")})
}

func call(number, a, b, c uintptr) error {
	if _, _, errno := unix.RawSyscall(number, a, b, c); errno != 0 {
		return errno
	}
	return nil
}

// allow makes a filter that refuses all system calls but these with EPERM, and those of other
// architectures.
func allow(numbers []string) ([]unix.SockFilter, error) {
	const retAllow, retPerm = unix.SECCOMP_RET_ALLOW, unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	arch := map[string]uint32{"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64}[runtime.GOARCH]
	const offNumber, offArch = 0, 4 // struct seccomp_data
	program := []bpf.Instruction{
		bpf.LoadAbsolute{Off: offArch, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: arch, SkipTrue: 1},
		bpf.RetConstant{Val: retPerm},
		bpf.LoadAbsolute{Off: offNumber, Size: 4},
	}
	for _, s := range numbers {
		n, err := strconv.ParseUint(s, 10, 32)
		if err != nil {
			return nil, err
		}
		program = append(program, bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: uint32(n), SkipTrue: 1}, bpf.RetConstant{Val: retAllow})
	}
	raw, err := bpf.Assemble(append(program, bpf.RetConstant{Val: retPerm}))
	if err != nil {
		return nil, err
	}
	filter := make([]unix.SockFilter, len(raw))
	for i, ins := range raw {
		filter[i] = unix.SockFilter{Code: ins.Op, Jt: ins.Jt, Jf: ins.Jf, K: ins.K}
	}
	return filter, nil
}
