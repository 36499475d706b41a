// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package privilege

import (
	"errors"
	"fmt"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ebpfreceiver/ebpfreceiver/internal/kernel"
)

// ErrCgo is returned in a program that was built with cgo: the C library's threads are out of
// reach of the Go runtime.
var ErrCgo = errors.New("capabilities of all threads can be given up only by a collector that was built with CGO_ENABLED=0")

// Held tells the effective capabilities of this thread.
func Held() (kernel.Capabilities, error) {
	s, err := get()
	return kernel.Capabilities{Known: err == nil, Effective: uint64(s[0].Effective) | uint64(s[1].Effective)<<32}, err
}

// Drop gives up those of the capabilities that this process holds, in all threads and for
// good, and tells which they were. It does not touch the bounding set, which takes another
// capability: as root, or through a file with capabilities, a program that is executed may
// have them again.
//
// Returns [ErrCgo], or an error that wraps the kernel's.
func Drop(capabilities []kernel.Capability) (dropped []kernel.Capability, err error) {
	sets, err := get()
	if err != nil {
		return nil, err
	}
	for _, c := range capabilities {
		if sets.take(c) {
			dropped = append(dropped, c)
		}
	}
	if len(dropped) == 0 {
		return nil, nil
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3} // of the calling thread
	_, _, errno := syscall.AllThreadsSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&sets[0])), 0)
	runtime.KeepAlive(&header)
	runtime.KeepAlive(&sets)
	switch errno {
	case 0:
		return dropped, nil
	case unix.ENOTSUP:
		return nil, ErrCgo
	default:
		return nil, fmt.Errorf("capabilities cannot be given up: %w", errno)
	}
}

// Without calls f on a thread of its own that lacks the capabilities, and gives its error. The
// thread ends with it.
//
// Returns an error also if the thread cannot give them up.
func Without(capabilities []kernel.Capability, f func() error) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			// The first thread outlives its goroutine: another one must do it meanwhile.
			defer runtime.UnlockOSThread()
			result <- Without(capabilities, f)
			return
		}
		// Without an Unlock the thread ends with the goroutine.
		sets, err := get()
		if err == nil {
			for _, c := range capabilities {
				sets.take(c)
			}
			header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
			if err = unix.Capset(&header, &sets[0]); err == nil {
				err = f()
			}
		}
		result <- err
	}()
	return <-result
}

// sets are the capability sets of a thread, the lower 32 capabilities first.
type sets [2]unix.CapUserData

// get reads those of the calling thread.
func get() (sets, error) {
	var s sets
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	if err := unix.Capget(&header, &s[0]); err != nil {
		return s, fmt.Errorf("capabilities cannot be read: %w", err)
	}
	return s, nil
}

// take takes a capability out, and tells whether it was there. With the inheritable set the
// kernel lowers the ambient one.
func (s *sets) take(c kernel.Capability) bool {
	part, bit := &s[c/32], uint32(1)<<(c%32)
	had := (part.Permitted|part.Effective|part.Inheritable)&bit != 0
	part.Permitted &^= bit
	part.Effective &^= bit
	part.Inheritable &^= bit
	return had
}
