// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package tls

import (
	"errors"
	"fmt"
	"go/version"

	"github.com/ebpfreceiver/ebpfreceiver/internal/uprobe"
)

// The functions of Go's crypto/tls. A handshake comes to one of four: of a client or a
// server, before TLS 1.3 or since.
const (
	goRead        = "crypto/tls.(*Conn).Read"
	goWrite       = "crypto/tls.(*Conn).Write"
	goWriteRecord = "crypto/tls.(*Conn).writeRecordLocked"
	goMove        = "runtime.memmove"
)

var goHandshakes = []string{
	"crypto/tls.(*clientHandshakeState).handshake", "crypto/tls.(*clientHandshakeStateTLS13).handshake",
	"crypto/tls.(*serverHandshakeState).handshake", "crypto/tls.(*serverHandshakeStateTLS13).handshake",
}

// registersSince is when Go began to pass arguments in registers (its release notes).
var registersSince = map[string]string{"amd64": "go1.17", "arm64": "go1.18"}

// goTLS finds places in a Go program: the call in Read that copies plaintext to the caller,
// and those in Write that encrypt. Each run of bytes comes by once, with its exact length.
func goTLS(f *uprobe.File, k uprobe.Kernel) (*library, error) {
	fns, err := f.Funcs(append([]string{goRead, goWrite, goWriteRecord, goMove}, goHandshakes...)...)
	if err != nil {
		return nil, fmt.Errorf("its functions cannot be read: %w", err)
	}
	read, ok1 := fns[goRead]
	write, ok2 := fns[goWrite]
	if !ok1 || !ok2 {
		return nil, errNothing // it does not use the package
	}
	if since := registersSince[f.Arch()]; version.Compare(f.GoVersion(), since) < 0 {
		return nil, fmt.Errorf("%s passes arguments on the stack, and what is known of crypto/tls on %s begins with %s", f.GoVersion(), f.Arch(), since)
	}
	l := &library{name: "crypto/tls of " + f.GoVersion(), how: byRecord}
	home, err := f.Home(read, k)
	if err != nil {
		return nil, err
	}
	copies, err := f.Calls(read, fns[goMove], k)
	if err != nil {
		return nil, err
	}
	if len(copies) != 1 {
		return nil, fmt.Errorf("%s copies in %d places, not in one", goRead, len(copies))
	}
	l.add("tls_go_read", uint64(home), copies...)
	records, err := f.Calls(write, fns[goWriteRecord], k)
	if err != nil {
		return nil, err
	}
	if len(records) == 0 {
		return nil, errors.New(goWrite + " does not write records")
	}
	l.add("tls_go_write", 0, records...)
	for _, name := range goHandshakes {
		fn, ok := fns[name]
		if !ok {
			continue // the linker leaves out what a program does not use
		}
		p, err := f.Entry(fn, uprobe.Want{ABI: uprobe.Go, Args: 1}, k)
		if err != nil {
			return nil, err
		}
		l.add("tls_go_handshake", 0, p)
	}
	return l, nil
}
