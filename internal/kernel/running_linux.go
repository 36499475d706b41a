// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

// Running looks at the kernel that runs this process. It is cheap: types,
// configuration and symbols are read when they are first asked for, once, and
// shared by all who hold the value.
func Running(ctx context.Context) (*Kernel, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return nil, fmt.Errorf("uname: %w", err)
	}
	release := unix.ByteSliceToString(uts.Release[:])
	k := &Kernel{
		Release: release,
		Arch:    unix.ByteSliceToString(uts.Machine[:]),
		Live:    true,
		cache:   btf.NewCache(),
	}
	banner, _ := os.ReadFile("/proc/version")
	k.Distribution = distributionOf(release + " " + string(banner))

	// What cannot be read stays unknown; it is for the checks to say what that means.
	if data, err := os.ReadFile("/proc/thread-self/status"); err == nil {
		k.capabilities = parseCapabilities(data)
	}
	if data, err := os.ReadFile("/proc/self/mountinfo"); err == nil {
		k.mounts = parseMounts(data)
	}
	k.capabilities.Token = k.mounts.Delegated != ""
	k.readSecurity()

	k.types = sync.OnceValues(k.runningTypes)
	k.rawBTF = sync.OnceValues(func() ([]byte, error) { return os.ReadFile("/sys/kernel/btf/vmlinux") })
	k.modules = sync.OnceValues(k.runningModules)
	k.config = sync.OnceValue(func() map[string]string { return runningConfig(release) })
	k.symbols = sync.OnceValues(readSymbols)
	return k, nil
}

func (k *Kernel) runningTypes() (*btf.Spec, error) {
	types, err := k.cache.Kernel()
	if errors.Is(err, btf.ErrNotSupported) || errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("kernel %s: %w", k.Release, ErrNoBTF)
	}
	if err != nil {
		return nil, fmt.Errorf("read BTF of kernel %s: %w", k.Release, err)
	}
	return types, nil
}

func (k *Kernel) runningModules() ([]*btf.Spec, error) {
	names, err := k.cache.Modules()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list BTF of kernel modules: %w", err)
	}
	var specs []*btf.Spec
	for _, name := range names {
		spec, err := k.cache.Module(name)
		if err != nil {
			return nil, fmt.Errorf("read BTF of kernel module %s: %w", name, err)
		}
		specs = append(specs, spec)
	}
	return specs, nil
}

// readSecurity reads what securityfs tells. Where it is not mounted, which says
// nothing about lockdown, a private mount that no one else can see is used.
func (k *Kernel) readSecurity() {
	read := func(name string) ([]byte, error) {
		return os.ReadFile(filepath.Join(k.mounts.Securityfs, name))
	}
	if k.mounts.Securityfs == "" {
		dir, err := detachedMount("securityfs")
		if err != nil {
			return
		}
		defer unix.Close(dir)
		read = func(name string) ([]byte, error) { return readAt(dir, name) }
	}
	lsms, err := read("lsm")
	if err != nil {
		return
	}
	k.lsms, k.lsmsKnown = splitList(string(lsms)), true
	mode, err := read("lockdown")
	switch {
	case err == nil:
		k.lockdown = parseLockdown(string(mode))
	case errors.Is(err, fs.ErrNotExist):
		// The file is the lockdown LSM's own: no file, no lockdown.
		k.lockdown = LockdownNone
	}
}

// detachedMount mounts a file system without a place in the tree (fsopen and
// fsmount, 5.2 and later). It lives until the descriptor is closed.
func detachedMount(fstype string) (int, error) {
	ctx, err := unix.Fsopen(fstype, unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("fsopen %s: %w", fstype, err)
	}
	defer unix.Close(ctx)
	if err := unix.FsconfigCreate(ctx); err != nil {
		return -1, fmt.Errorf("create %s: %w", fstype, err)
	}
	dir, err := unix.Fsmount(ctx, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_RDONLY)
	if err != nil {
		return -1, fmt.Errorf("fsmount %s: %w", fstype, err)
	}
	return dir, nil
}

func readAt(dir int, name string) ([]byte, error) {
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "openat", Path: name, Err: err}
	}
	defer unix.Close(fd)
	buf := make([]byte, 4096)
	n, err := unix.Read(fd, buf)
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: name, Err: err}
	}
	return buf[:n], nil
}

// runningConfig looks where kernels and distributions put the configuration.
func runningConfig(release string) map[string]string {
	for _, path := range []string{
		"/proc/config.gz",
		"/boot/config-" + release,
		"/lib/modules/" + release + "/config",
		"/lib/modules/" + release + "/build/.config",
	} {
		data, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		if options, err := parseConfig(data); err == nil {
			return options
		}
	}
	return nil
}

// readSymbols reads the names of /proc/kallsyms. Addresses are hidden from most
// readers, names are not.
func readSymbols() (map[string]struct{}, error) {
	data, err := os.ReadFile("/proc/kallsyms")
	if err != nil {
		return nil, fmt.Errorf("read the kernel's symbols: %w", err)
	}
	symbols := make(map[string]struct{}, len(data)/48)
	for s := bufio.NewScanner(bytes.NewReader(data)); s.Scan(); {
		fields := strings.Fields(s.Text())
		if len(fields) >= 3 {
			symbols[strings.Clone(fields[2])] = struct{}{}
		}
	}
	return symbols, nil
}
