// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/ebpfreceiver/ebpfreceiver/internal/compat"
	"github.com/ebpfreceiver/ebpfreceiver/internal/kernel"
)

// modes parses lockdown modes, separated by commas.
func modes(list string) ([]kernel.Lockdown, error) {
	if list == "" {
		return nil, nil
	}
	var found []kernel.Lockdown
	for word := range strings.SplitSeq(list, ",") {
		mode := kernel.LockdownOf(word)
		if mode == kernel.LockdownUnknown {
			return nil, fmt.Errorf("--lockdown must be none, integrity or confidentiality, not %q", word)
		}
		found = append(found, mode)
	}
	return found, nil
}

// resolveStored checks all stored kernels under some paths, with progress on a
// terminal. The first file that cannot be read is an error if there is only one.
func resolveStored(ctx context.Context, set *compat.Set, paths []string, lockdown []kernel.Lockdown, stderr io.Writer) ([]compat.Outcome, error) {
	files, err := kernel.Find(paths...)
	if err != nil {
		return nil, err
	}
	outcomes, err := set.ResolveFiles(ctx, files, lockdown, progress(stderr, len(files)))
	if err != nil {
		return nil, err
	}
	if len(files) == 1 && outcomes[0].Err != nil {
		return nil, outcomes[0].Err
	}
	return outcomes, nil
}

// progress shows how many of the files are done, on a terminal only and only if
// they are many.
func progress(stderr io.Writer, total int) func(int) {
	f, ok := stderr.(*os.File)
	if !ok || total < 8 {
		return nil
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	return func(done int) {
		fmt.Fprintf(f, "\r%d of %d kernels", done, total)
		if done == total {
			fmt.Fprint(f, "\r\x1b[K")
		}
	}
}
