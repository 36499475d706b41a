// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/mikelolasagasti/xz"
	"github.com/pierrec/lz4/v4"
)

// maxImage bounds what a stored kernel may grow to when it is decompressed. A
// distribution's vmlinux without debug information has 40 to 100 MiB.
const maxImage = 512 << 20

var errTooBig = errors.New("too big for a kernel")

// codecs are the compressions that a kernel may be built with
// (CONFIG_KERNEL_GZIP and its siblings), by the magic at their start. Only LZO
// and LZMA alone are missing: no distribution builds with them.
var codecs = []struct {
	name  string
	magic string
	open  func(io.Reader) (io.Reader, error)
}{
	{"gzip", "\x1f\x8b", func(r io.Reader) (io.Reader, error) {
		zr, err := gzip.NewReader(r)
		if err == nil {
			// A payload may be followed by padding.
			zr.Multistream(false)
		}
		return zr, err
	}},
	{"xz", "\xfd7zXZ\x00", func(r io.Reader) (io.Reader, error) {
		zr, err := xz.NewReader(r, 0)
		if err == nil {
			zr.Multistream(false)
		}
		return zr, err
	}},
	{"zstd", "\x28\xb5\x2f\xfd", func(r io.Reader) (io.Reader, error) {
		return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxImage))
	}},
	// The legacy frame of lz4, which is all that the kernel's build writes.
	{"lz4", "\x02\x21\x4c\x18", func(r io.Reader) (io.Reader, error) { return lz4.NewReader(r), nil }},
	{"bzip2", "BZh", func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil }},
}

// errNotCompressed says that data begins with no known magic.
var errNotCompressed = errors.New("not in a known compression")

// decompress expands data, whose compression is told by its magic. At most
// limit bytes come out. Bytes after the end of the compressed stream do not
// matter: kernels append their size there.
func decompress(data []byte, limit int64) ([]byte, error) {
	for _, c := range codecs {
		if !bytes.HasPrefix(data, []byte(c.magic)) {
			continue
		}
		r, err := c.open(bytes.NewReader(data))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		if d, ok := r.(*zstd.Decoder); ok {
			defer d.Close()
		}
		var out bytes.Buffer
		out.Grow(sizeHint(data, limit))
		n, err := io.Copy(&out, io.LimitReader(r, limit+1))
		if n > limit {
			return nil, fmt.Errorf("%s: %w", c.name, errTooBig)
		}
		// lz4 and zstd take the appended size for the begin of another frame and fail after all
		// of the kernel came out. Whether something is missing is seen by what is made of it.
		if err != nil && n == 0 {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		return out.Bytes(), nil
	}
	return nil, errNotCompressed
}

// sizeHint guesses how much comes out, so that memory is taken once: the kernel's
// build writes the size behind the compressed stream, as gzip does by itself.
// Where nothing sensible stands there, it is what goes in.
func sizeHint(data []byte, limit int64) int {
	size := int64(len(data))
	if len(data) > 4 {
		if n := int64(binary.LittleEndian.Uint32(data[len(data)-4:])); n > size && n < 16*size {
			size = n
		}
	}
	return int(min(size, limit)) + bytes.MinRead // which ReadFrom wants to see the end
}
