// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package object

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/cilium/ebpf"
)

// maxFile bounds an object's file. Objects have less than a megabyte, but for those with the
// types of debuggers.
const maxFile = 64 << 20

// readFile reads an object once, so that what is checked is what is loaded.
//
// Returns an error if anybody but root may have written it and no hash is pinned, or if it
// does not have the pinned hash.
func readFile(f *File) ([]byte, error) {
	file, err := os.Open(f.Path)
	if err != nil {
		return nil, fmt.Errorf("path: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("path: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("path: %s is no regular file", f.Path)
	}
	if f.SHA256 == "" {
		if err := trusted(f.Path, info); err != nil {
			return nil, err
		}
	}
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("path: %w", err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("path: %s is larger than %d bytes", f.Path, maxFile)
	}
	if f.SHA256 != "" {
		if sum := sha256.Sum256(data); !strings.EqualFold(hex.EncodeToString(sum[:]), f.SHA256) {
			return nil, fmt.Errorf("sha256: %s has the hash %x, not %s", f.Path, sum, strings.ToLower(f.SHA256))
		}
	}
	return data, nil
}

// trusted tells whether only root can have written a file.
func trusted(path string, info os.FileInfo) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		return fmt.Errorf("path: the owner of %s is not known; pin its hash with sha256", path)
	case stat.Uid != 0:
		return fmt.Errorf("path: %s belongs to the user %d, not to root, and whoever writes it decides what the kernel runs: change its owner, or pin its hash with sha256", path, stat.Uid)
	case info.Mode().Perm()&0o002 != 0:
		return fmt.Errorf("path: everybody may write %s, and so decides what the kernel runs: change its mode, or pin its hash with sha256", path)
	case info.Mode().Perm()&0o020 != 0 && stat.Gid != 0:
		return fmt.Errorf("path: the group %d may write %s, and so decides what the kernel runs: change its mode, or pin its hash with sha256", stat.Gid, path)
	}
	return nil
}

// Parse reads an object. Whatever the bytes are, it gives an object or an error.
func Parse(data []byte) (spec *ebpf.CollectionSpec, err error) {
	// The library guards its own readers of ELF, and promises nothing for broken BTF.
	defer func() {
		if r := recover(); r != nil {
			spec, err = nil, fmt.Errorf("it is broken: %v", r)
		}
	}()
	spec, err = ebpf.LoadCollectionSpecFromReader(bytes.NewReader(strongMaps(data)))
	if err != nil {
		return nil, fmt.Errorf("it is no BPF object: %w", err)
	}
	if len(spec.Programs) == 0 {
		return nil, errors.New("it has no BPF programs")
	}
	staticFunctions(spec, data)
	return spec, nil
}
