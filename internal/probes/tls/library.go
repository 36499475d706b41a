// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package tls

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/arch/x86/x86asm"

	"github.com/ebpfreceiver/ebpfreceiver/internal/uprobe"
)

// hook is a program of the object and where to attach it.
type hook struct {
	program string
	points  []uprobe.Point
	cookie  uint64
}

// library is what an executable or a library has to be attached to.
type library struct {
	name  string // as OpenSSL
	how   string // the scheme
	hooks []hook
}

// The schemes: in OpenSSL's record layer, one hit for a record, or at the entry and
// return of a function, two for a call.
const (
	byRecord = "records"
	byCall   = "calls"
)

// isLibrary tells a library that encrypts by its name.
func isLibrary(path string) bool {
	name := filepath.Base(path)
	return strings.HasPrefix(name, "libssl") || strings.HasPrefix(name, "libgnutls.so") || strings.HasPrefix(name, "libgnutls-")
}

// neverEncrypts tells libraries that are everywhere and not worth a look.
func neverEncrypts(path string) bool {
	name := filepath.Base(path)
	for _, prefix := range []string{"libc.", "libc-", "ld-", "ld.", "libm.", "libpthread", "libdl.", "libcrypto", "libz.", "libstdc++", "libgcc_s", "librt."} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

var functions = []string{
	"SSL_read", "SSL_read_ex", "SSL_write", "SSL_write_ex", "SSL_write_ex2", "SSL_sendfile", "SSL_do_handshake",
	"gnutls_record_recv", "gnutls_record_send", "gnutls_record_send2", "gnutls_handshake",
}

// errNothing tells a file that does not encrypt.
var errNothing = errors.New("it has none of the functions that are known")

// examine finds where to attach in a file, or returns errNothing.
func examine(open *os.File, k uprobe.Kernel) (*library, error) {
	f, err := uprobe.NewFile(open)
	if err != nil {
		return nil, errNothing
	}
	if f.GoVersion() != "" {
		// One that uses a library in C instead has no functions of this one.
		if l, err := goTLS(f, k); !errors.Is(err, errNothing) {
			return l, err
		}
	}
	fns, err := f.Funcs(functions...)
	if err != nil || len(fns) == 0 {
		return nil, errNothing
	}
	e, err := elf.NewFile(open)
	if err != nil {
		return nil, errNothing
	}
	s := search{f: f, image: image{e}, fns: fns, kernel: k}
	switch {
	case s.has("SSL_read", "SSL_write"):
		return s.openssl()
	case s.has("gnutls_record_recv", "gnutls_record_send"):
		return s.gnutls()
	}
	return nil, errNothing
}

// search looks for places in one file.
type search struct {
	f      *uprobe.File
	image  image
	fns    map[string]uprobe.Func
	kernel uprobe.Kernel
}

func (s *search) has(names ...string) bool {
	for _, name := range names {
		if _, ok := s.fns[name]; !ok {
			return false
		}
	}
	return true
}

func (s *search) openssl() (*library, error) {
	l := &library{name: "BoringSSL", how: byCall}
	if s.has("SSL_read_ex") {
		l.name = "OpenSSL"
	}
	l.sendfile(s)
	if runtime.GOARCH == "amd64" && l.name == "OpenSSL" {
		if hooks, err := s.records(); err == nil {
			l.how, l.hooks = byRecord, append(l.hooks, hooks...)
			l.handshake(s, "SSL_do_handshake", "tls_leave_handshake")
			return l, nil
		}
	}
	for _, way := range []struct{ fn, ex, leave string }{
		{"SSL_read", "SSL_read_ex", "tls_leave_read"},
		{"SSL_write", "SSL_write_ex", "tls_leave_write"},
	} {
		if inner, ok := s.inner(way.fn, way.ex, 4); ok {
			if err := l.call(s, inner, 4, "tls_enter_counted", way.leave); err != nil {
				return nil, err
			}
			continue
		}
		// Since 3.3 the function within has flags before the pointer to the number.
		if inner, ok := s.inner(way.fn, way.ex+"2", 5); ok {
			if err := l.call(s, inner, 5, "tls_enter_flagged", way.leave); err != nil {
				return nil, err
			}
			continue
		}
		if err := l.call(s, s.fns[way.fn], 2, "tls_enter", way.leave); err != nil {
			return nil, err
		}
		if s.has(way.ex) {
			if err := l.call(s, s.fns[way.ex], 4, "tls_enter_counted", way.leave); err != nil {
				return nil, err
			}
		}
	}
	l.handshake(s, "SSL_do_handshake", "tls_leave_handshake")
	return l, nil
}

// inner finds the function that two call first, with the same arguments but for the
// last of so many, where it leaves the number of bytes. It is taken when a probe costs
// little there and much outside.
func (s *search) inner(fn, ex string, args int) (uprobe.Func, bool) {
	if !s.has(fn, ex) || s.cheap(s.fns[fn], 2) && s.cheap(s.fns[ex], args) {
		return uprobe.Func{}, false
	}
	a, err := s.f.Callees(s.fns[fn], s.kernel)
	if err != nil || len(a) == 0 {
		return uprobe.Func{}, false
	}
	b, err := s.f.Callees(s.fns[ex], s.kernel)
	if err != nil || len(b) == 0 || a[0].Addr != b[0].Addr || !s.cheap(a[0], args) {
		return uprobe.Func{}, false
	}
	return a[0], true
}

func (s *search) cheap(fn uprobe.Func, args int) bool {
	in, err := s.f.Entry(fn, uprobe.Want{Args: args}, s.kernel)
	if err != nil || in.Slow {
		return false
	}
	out, err := s.f.Return(fn, s.kernel)
	return err == nil && !out.Slow
}

// call attaches to the entry and the return of a function.
func (l *library) call(s *search, fn uprobe.Func, args int, enter, leave string) error {
	in, err := s.f.Entry(fn, uprobe.Want{Args: args}, s.kernel)
	if err != nil {
		return err
	}
	out, err := s.f.Return(fn, s.kernel)
	if err != nil {
		return err
	}
	l.add(enter, 0, in)
	if last, ok := s.last(fn); ok && out.Slow {
		out = last
	}
	l.add(leave, 0, out)
	return nil
}

// last finds the return of a function that another one goes on to at its end, when a
// probe costs little there: its result is that of both.
func (s *search) last(fn uprobe.Func) (uprobe.Point, bool) {
	if s.f.Arch() != "amd64" || fn.Size == 0 {
		return uprobe.Point{}, false
	}
	for _, i := range s.image.function(fn.Addr, fn.Size) {
		to := i.target()
		if i.Op != x86asm.JMP || to == 0 || to >= fn.Addr && to < fn.Addr+fn.Size {
			continue
		}
		off, ok := s.f.Offset(to)
		if !ok {
			continue
		}
		p, err := s.f.Return(uprobe.Func{Name: fn.Name + " (the rest)", Addr: to, Offset: off}, s.kernel)
		if err == nil && !p.Slow {
			return p, true
		}
	}
	return uprobe.Point{}, false
}

// handshake attaches to the end of handshakes, if that costs little: it is only of use
// to programs that move records themselves.
func (l *library) handshake(s *search, fn, leave string) {
	if s.has(fn) && s.cheap(s.fns[fn], 1) {
		// It is cheap: there is a place.
		_ = l.call(s, s.fns[fn], 1, "tls_enter_handshake", leave)
	}
}

// sendfile attaches to the function by which only programs send that let the kernel encrypt, if that costs
// little. Without it the length of what they send is not known, and what follows is taken for it.
func (l *library) sendfile(s *search) {
	if s.has("SSL_sendfile") && s.cheap(s.fns["SSL_sendfile"], 1) {
		// It is cheap: there is a place.
		_ = l.call(s, s.fns["SSL_sendfile"], 1, "tls_enter_file", "tls_leave_write")
	}
}

func (l *library) add(program string, cookie uint64, p ...uprobe.Point) {
	for i := range l.hooks {
		if l.hooks[i].program == program && l.hooks[i].cookie == cookie {
			l.hooks[i].points = append(l.hooks[i].points, p...)
			return
		}
	}
	l.hooks = append(l.hooks, hook{program, p, cookie})
}

func (s *search) gnutls() (*library, error) {
	l := &library{name: "GnuTLS", how: byCall}
	if err := l.call(s, s.fns["gnutls_record_recv"], 2, "tls_enter", "tls_leave_read"); err != nil {
		return nil, err
	}
	send := s.fns["gnutls_record_send"]
	if all, ok := s.fns["gnutls_record_send2"]; ok {
		// One of the two leads to the other; each call is to be seen once.
		callees, err := s.f.Callees(all, s.kernel)
		if err != nil {
			return nil, err
		}
		inside := false
		for _, c := range callees {
			inside = inside || c.Addr == send.Addr
		}
		if !inside {
			send = all
		}
	}
	if err := l.call(s, send, 2, "tls_enter", "tls_leave_write"); err != nil {
		return nil, err
	}
	l.handshake(s, "gnutls_handshake", "tls_leave_handshake0")
	return l, nil
}

// records finds the places in OpenSSL's record layer.
func (s *search) records() ([]hook, error) {
	fns, err := s.f.Funcs("TLS_method", "ssl3_read_bytes", "ssl3_write_bytes", "do_ssl3_write")
	if err != nil {
		return nil, err
	}
	r, err := findRecords(s.image, fns)
	if err != nil {
		return nil, err
	}
	var l library
	for _, c := range r.copies {
		p, err := s.image.point("ssl3_read_bytes", c.addr)
		if err != nil {
			return nil, err
		}
		l.add("tls_openssl_copy", c.cookie, p)
	}
	p, err := s.image.point("ssl3_write_bytes", r.write)
	if err != nil {
		return nil, err
	}
	l.add("tls_openssl_record", 0, p)
	return l.hooks, nil
}

// point is the place of a call instruction.
func (f image) point(fn string, addr uint64) (uprobe.Point, error) {
	off, ok := f.offset(addr)
	if !ok {
		return uprobe.Point{}, fmt.Errorf("%s: %w", fn, errCode)
	}
	return uprobe.Point{Func: fn, Addr: addr, Offset: off, Inst: "call"}, nil
}
