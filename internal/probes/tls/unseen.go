// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package tls

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io"
	"os"

	"go.uber.org/zap"

	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

const (
	// maxUnseen bounds the executables that are said to be unseen.
	maxUnseen = 64
	// maxConstants bounds what is read of one for that, bytes: of a browser it is less.
	maxConstants = 64 << 20
)

// sayUnseen says, once for each executable, that nothing is seen of what it encrypts.
func (d *daemon) sayUnseen(p *probe.ProcessInfo) {
	if d.unseen[p.Executable] || len(d.unseen) >= maxUnseen {
		return
	}
	d.unseen[p.Executable] = true
	fields := []zap.Field{zap.String("executable", p.Executable), zap.Uint32("pid", p.PID)}
	if name := linkedInto(p.PID); name != "" {
		fields = append(fields, zap.String("linked_into_it", name))
	}
	d.set.Logger.Warn("A process uses TLS, and nothing is seen of what it encrypts: none of what it maps has functions that are known "+
		"and can be attached to; it may be stripped of its symbols, use another library, leave it to the kernel, or pass on what others encrypt", fields...)
}

// linkedInto names the library that a process's executable contains, "" if none is known.
func linkedInto(pid uint32) string {
	f, err := os.Open(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		return "" // gone meanwhile
	}
	defer f.Close()
	return libraryIn(f)
}

// What the constants of a library have that nothing strips: names of its source files, which it tells with
// its errors.
var marks = []struct{ name, text string }{
	{"BoringSSL", "ssl/ssl_lib.cc\x00"}, // in C++ there only
	{"OpenSSL", "ssl/ssl_lib.c\x00"},
}

// libraryIn finds a library by its constants.
func libraryIn(r io.ReaderAt) string {
	e, err := elf.NewFile(r)
	if err != nil {
		return ""
	}
	s := e.Section(".rodata")
	if s == nil || s.Type == elf.SHT_NOBITS {
		return ""
	}
	const overlap = 32 // more than a mark
	in := io.LimitReader(s.Open(), maxConstants)
	buf, kept := make([]byte, 256<<10), 0
	for {
		n, err := io.ReadFull(in, buf[kept:])
		for _, m := range marks {
			if bytes.Contains(buf[:kept+n], []byte(m.text)) {
				return m.name
			}
		}
		if err != nil {
			return "" // the end, or as good as it
		}
		kept = copy(buf, buf[len(buf)-overlap:])
	}
}
