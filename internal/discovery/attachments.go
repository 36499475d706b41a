// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package discovery

import "io"

// Attachments are what the process's files are attached by: what FilesOptions.Attach
// returned for each that is.
func (f *Files) Attachments(pid uint32, start uint64) []io.Closer {
	var all []io.Closer
	for _, u := range f.processes[keyFor(pid, start)] {
		if u.closer != nil {
			all = append(all, u.closer)
		}
	}
	return all
}
