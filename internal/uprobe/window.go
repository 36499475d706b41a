// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package uprobe

import (
	"errors"
	"fmt"
	"io"
)

const windowSize = 64 << 10

// window reads pieces of a file, mostly one behind the other, without a copy of the whole.
type window struct {
	r    io.ReaderAt
	end  int64 // of the file
	from int64
	b    []byte
}

// at gives n bytes, at most windowSize, from an offset on. They are good until the next call.
//
// Returns an error that wraps [io.ErrUnexpectedEOF] where the file does not have them.
func (w *window) at(off, n int64) ([]byte, error) {
	if off < 0 || n < 0 || n > windowSize || off > w.end-n {
		return nil, fmt.Errorf("%d bytes at %d of %d: %w", n, off, w.end, io.ErrUnexpectedEOF)
	}
	if off < w.from || off+n > w.from+int64(len(w.b)) {
		if w.b == nil {
			w.b = make([]byte, windowSize)
		}
		w.b = w.b[:min(int64(cap(w.b)), w.end-off)]
		got, err := w.r.ReadAt(w.b, off)
		w.from, w.b = off, w.b[:got]
		if int64(got) < n {
			return nil, errors.Join(io.ErrUnexpectedEOF, err)
		}
	}
	return w.b[off-w.from:][:n], nil
}
