// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ErrNoTracefs says that tracefs is not mounted, so that classic tracepoints
// can be neither looked up nor attached.
var ErrNoTracefs = errors.New("tracefs is not mounted (mount -t tracefs tracefs /sys/kernel/tracing)")

// ErrTracefsDenied says that this user may not look into tracefs.
var ErrTracefsDenied = errors.New("tracefs cannot be read by this user (it takes root or CAP_DAC_READ_SEARCH)")

// ErrNoTracepoint says that the kernel has no tracepoint of that name.
var ErrNoTracepoint = errors.New("no such tracepoint")

// Field is one field of a tracepoint's record.
type Field struct {
	Name   string
	Offset int // bytes from the start of the record
	Size   int // bytes
}

// Format is the layout of a classic tracepoint's record, as tracefs gives it.
type Format struct {
	ID     int
	Fields []Field
}

// Size is the length of the fixed part of the record in bytes.
func (f *Format) Size() int {
	size := 0
	for _, field := range f.Fields {
		size = max(size, field.Offset+field.Size)
	}
	return size
}

// TracepointFormat reads the format of a classic tracepoint of the running
// kernel.
//
// Returns [ErrNotLive] for a stored kernel, [ErrNoTracefs] if tracefs is not
// mounted, [ErrTracefsDenied] if it cannot be read and an error wrapping [ErrNoTracepoint] if it has no such tracepoint.
func (k *Kernel) TracepointFormat(group, name string) (*Format, error) {
	if !k.Live {
		return nil, ErrNotLive
	}
	root := k.mounts.Tracefs
	if root == "" && k.mounts.Debugfs != "" {
		root = filepath.Join(k.mounts.Debugfs, "tracing")
	}
	if root == "" {
		return nil, ErrNoTracefs
	}
	data, err := os.ReadFile(filepath.Join(root, "events", filepath.Base(group), filepath.Base(name), "format"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s/%s: %w", group, name, ErrNoTracepoint)
	}
	if errors.Is(err, fs.ErrPermission) {
		return nil, ErrTracefsDenied
	}
	if err != nil {
		return nil, fmt.Errorf("read the tracepoint's format: %w", err)
	}
	return parseFormat(string(data))
}

// parseFormat reads a file like
//
//	name: sched_process_exec
//	ID: 310
//	format:
//		field:unsigned short common_type;	offset:0;	size:2;	signed:0;
func parseFormat(s string) (*Format, error) {
	f := &Format{}
	for line := range strings.Lines(s) {
		line = strings.TrimSpace(line)
		if id, ok := strings.CutPrefix(line, "ID:"); ok {
			n, err := strconv.Atoi(strings.TrimSpace(id))
			if err != nil {
				return nil, fmt.Errorf("tracepoint format: ID: %w", err)
			}
			f.ID = n
		}
		decl, ok := strings.CutPrefix(line, "field:")
		if !ok {
			continue
		}
		var field Field
		parts := strings.Split(decl, ";")
		words := strings.Fields(parts[0])
		if len(words) == 0 {
			return nil, fmt.Errorf("tracepoint format: field without a name: %q", line)
		}
		field.Name, _, _ = strings.Cut(words[len(words)-1], "[")
		for _, part := range parts[1:] {
			key, value, _ := strings.Cut(strings.TrimSpace(part), ":")
			n, err := strconv.Atoi(value)
			switch {
			case key == "offset" && err == nil && n >= 0:
				field.Offset = n
			case key == "size" && err == nil && n >= 0:
				field.Size = n
			case key == "offset", key == "size":
				return nil, fmt.Errorf("tracepoint format: %s of %s is %q", key, field.Name, value)
			}
		}
		f.Fields = append(f.Fields, field)
	}
	if len(f.Fields) == 0 {
		return nil, errors.New("tracepoint format: no fields")
	}
	return f, nil
}
