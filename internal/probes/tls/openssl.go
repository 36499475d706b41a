// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package tls

import (
	"fmt"

	"golang.org/x/arch/x86/x86asm"

	"github.com/ebpfreceiver/ebpfreceiver/internal/uprobe"
)

// records is where OpenSSL's record layer hands plaintext over, on amd64: see
// bpf/include/tls_openssl.h. Addresses are those of the file's headers.
type records struct {
	copies []copySite
	write  uint64
}

// copySite is a call of memcpy in ssl3_read_bytes.
type copySite struct {
	addr   uint64
	cookie uint64
}

// What of struct ssl_method_st is used: the functions that read and write records
// (ssl/ssl_local.h, 1.1.0 to 3.1).
const (
	methodReadBytes  = 0x68
	methodWriteBytes = 0x70
)

// The sizes of read and write buffers before the records in struct
// record_layer_st: 33 of struct ssl3_buffer_st, which got a member in 3.0.
var sizesOfBuffers = []int64{33 * 0x30, 33 * 0x28}

// findRecords reads the machine code. It returns an error unless all that is known of
// these functions is found in it.
func findRecords(f image, symbols map[string]uprobe.Func) (*records, error) {
	read, write, err := methodFunctions(f, symbols)
	if err != nil {
		return nil, err
	}
	copies, err := findCopies(f.function(read.Addr, read.Size))
	if err != nil {
		return nil, fmt.Errorf("ssl3_read_bytes: %w", err)
	}
	site, err := findWrite(f.function(write.Addr, write.Size), symbols["do_ssl3_write"].Addr)
	if err != nil {
		return nil, fmt.Errorf("ssl3_write_bytes: %w", err)
	}
	return &records{copies, site}, nil
}

// methodFunctions finds ssl3_read_bytes and ssl3_write_bytes, by their names or in
// the table that TLS_method gives.
func methodFunctions(f image, symbols map[string]uprobe.Func) (read, write uprobe.Func, err error) {
	read, write = symbols["ssl3_read_bytes"], symbols["ssl3_write_bytes"]
	if read.Addr != 0 && write.Addr != 0 {
		return read, write, nil
	}
	fn := symbols["TLS_method"]
	if fn.Addr == 0 {
		return read, write, errCode
	}
	for _, i := range f.function(fn.Addr, min(fn.Size, 32)) {
		if m, ok := i.Args[1].(x86asm.Mem); ok && i.Op == x86asm.LEA && m.Base == x86asm.RIP {
			table := i.addr + uint64(i.Len) + uint64(m.Disp)
			read.Addr, write.Addr = f.pointer(table+methodReadBytes), f.pointer(table+methodWriteBytes)
			break
		}
	}
	if _, ok := f.offset(read.Addr); !ok {
		return read, write, errCode
	}
	if _, ok := f.offset(write.Addr); !ok {
		return read, write, errCode
	}
	return read, write, nil
}

// findCopies finds the calls of memcpy(to, from, n) where from is computed as
// rr->data + rr->off, of those that do not copy into SSL.
func findCopies(c code) ([]copySite, error) {
	ssl, peek, ok := arguments(c)
	if !ok {
		return nil, errCode
	}
	first, ok := firstRecord(c, ssl)
	if !ok {
		return nil, fmt.Errorf("%w: where records begin", errCode)
	}
	var sites []copySite
	for n := range c {
		if c[n].Op != x86asm.CALL || c[n].target() == 0 {
			continue
		}
		rec, ok := copied(c[:n])
		if !ok {
			continue
		}
		number, ok := preserved(rec)
		if !ok {
			return nil, errCode
		}
		sites = append(sites, copySite{c[n].addr, uint64(number) | peek<<8 | uint64(first)<<32})
	}
	if len(sites) == 0 || len(sites) > 4 {
		return nil, fmt.Errorf("%w: %d calls of memcpy", errCode, len(sites))
	}
	return sites, nil
}

// arguments finds the register that SSL, the first argument, is kept in, and where
// the sixth, peek, is: as the cookie has it.
func arguments(c code) (ssl x86asm.Reg, peek uint64, ok bool) {
	var have bool
	for n := range min(len(c), 40) {
		i := &c[n]
		if i.Op == x86asm.CALL {
			break
		}
		if i.Op != x86asm.MOV {
			continue
		}
		to, toReg := i.Args[0].(x86asm.Reg)
		switch {
		case i.Args[1] == x86asm.RDI && toReg && ssl == 0:
			ssl = to
		case i.Args[1] == x86asm.R9L && toReg && !have:
			number, preserves := preserved(widen(to))
			if !preserves {
				return 0, 0, false
			}
			peek, have = uint64(number), true
		case i.Args[1] == x86asm.R9L && !have:
			base, disp, plain := i.mem(0)
			if !plain || disp != int64(int16(disp)) || !moves(c[n:min(len(c), 40)]) {
				return 0, 0, false
			}
			switch base {
			case x86asm.RSP:
			case x86asm.RBP:
				peek = peekAtBP
			default:
				return 0, 0, false
			}
			peek, have = peek|uint64(uint16(disp))<<8, true
		}
	}
	_, kept := preserved(ssl)
	return ssl, peek, have && kept
}

// peekAtBP tells that the displacement is from the frame pointer.
const peekAtBP = 0xff

// moves tells that the stack pointer stays where it is up to the first call.
func moves(c code) bool {
	for n := range c {
		switch c[n].Op {
		case x86asm.CALL:
			return true
		case x86asm.PUSH, x86asm.POP:
			return false
		case x86asm.SUB, x86asm.ADD:
			if c[n].Args[0] == x86asm.RSP {
				return false
			}
		}
	}
	return true
}

// firstRecord finds where in SSL the records begin: an address that is taken, and
// before which the buffers lie, of which the first one's pointer is compared with
// null.
func firstRecord(c code, ssl x86asm.Reg) (int64, bool) {
	nulls := map[int64]bool{}
	for n := range c {
		if base, disp, ok := c[n].mem(0); ok && c[n].Op == x86asm.CMP && base == ssl && c[n].Args[1] == x86asm.Imm(0) {
			nulls[disp] = true
		}
	}
	for n := range c {
		base, disp, ok := c[n].mem(1)
		if !ok || c[n].Op != x86asm.LEA || base != ssl {
			continue
		}
		for _, size := range sizesOfBuffers {
			if nulls[disp-size] {
				return disp, true
			}
		}
	}
	return 0, false
}

// copied tells the register that holds the record whose data a call copies: before
// it rsi is loaded with the member off and data is added to it. What copies to an
// address within SSL is told by the lea for rdi.
func copied(before code) (rec x86asm.Reg, ok bool) {
	const off, data = 0x18, 0x20 // in struct ssl3_record_st
	var found bool
	for back := 1; back <= 16 && back <= len(before); back++ {
		i := &before[len(before)-back]
		if i.Op == x86asm.CALL || i.Op == x86asm.RET || i.Op == x86asm.JMP {
			break
		}
		if i.Op == x86asm.LEA && i.Args[0] == x86asm.RDI {
			return 0, false
		}
		base, disp, ok := i.mem(1)
		if !ok {
			continue
		}
		switch {
		case rec == 0 && i.Op == x86asm.ADD && i.Args[0] == x86asm.RSI && disp == data:
			rec = base
		case rec != 0 && i.Op == x86asm.MOV && i.Args[0] == x86asm.RSI && base == rec && disp == off:
			found = true
		}
	}
	return rec, found
}

// findWrite finds the call of do_ssl3_write: by its address, or as the only one that
// has an argument on the stack.
func findWrite(c code, callee uint64) (uint64, error) {
	var found []uint64
	for n := range c {
		if c[n].Op != x86asm.CALL || c[n].target() == 0 {
			continue
		}
		if callee != 0 && c[n].target() == callee {
			found = append(found, c[n].addr)
			continue
		}
		for back := 1; callee == 0 && n > 40 && back <= 8; back++ {
			i := &c[n-back]
			if i.Op == x86asm.CALL || i.Op == x86asm.RET || i.Op == x86asm.JMP {
				break
			}
			if i.Op == x86asm.PUSH {
				found = append(found, c[n].addr)
				break
			}
		}
	}
	if len(found) != 1 {
		return 0, fmt.Errorf("%w: %d calls of do_ssl3_write", errCode, len(found))
	}
	return found[0], nil
}

// preserved gives the number of a register that calls preserve.
func preserved(r x86asm.Reg) (int, bool) {
	switch r {
	case x86asm.RBX, x86asm.RBP, x86asm.R12, x86asm.R13, x86asm.R14, x86asm.R15:
		return int(r - x86asm.RAX), true
	}
	return 0, false
}

func widen(r x86asm.Reg) x86asm.Reg {
	if r >= x86asm.EAX && r <= x86asm.R15L {
		return r - x86asm.EAX + x86asm.RAX
	}
	return r
}
