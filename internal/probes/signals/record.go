// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package signals

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"path"
	"strconv"
	"strings"
	"unsafe"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"golang.org/x/sys/unix"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/signame"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// Event is the name of the records.
const Event = "ebpf.process.signal"

// attrUID is the identity of a record, by which others refer to it.
const attrUID = "log.record.uid"

// Attributes that the semantic conventions have no name for.
const (
	attrSignal     = "ebpf.process.exit.signal"
	attrCoreDumped = "ebpf.process.exit.core_dumped"
	attrCode       = "ebpf.signal.code"
	attrAddress    = "ebpf.signal.address"
	attrSender     = "ebpf.signal.sender.pid"
	attrSenderName = "ebpf.signal.sender.name"
	attrSenderExe  = "ebpf.signal.sender.executable.path"
	attrSenderUser = "ebpf.signal.sender.user.id"
)

// fill writes the record, and gives what others are told of it. sender is nil when it is not observed.
func fill(r plog.LogRecord, e *objectSignalEvent, p, sender *probe.ProcessInfo) *discovery.Death {
	signal := int(e.Status & 0x7f)
	dumped := e.Status&0x80 != 0
	r.SetEventName(Event)
	severity := signame.Severity(signal)
	r.SetSeverityNumber(severity)
	r.SetSeverityText(severity.String())
	m := r.Attributes()
	m.EnsureCapacity(13)
	m.PutInt("process.pid", int64(e.Tgid))
	name := text(e.Comm[:])
	if p.Executable != "" {
		name = path.Base(p.Executable)
		m.PutStr("process.executable.path", p.Executable)
	}
	m.PutStr("process.executable.name", name)
	m.PutInt("process.user.id", int64(e.Uid))
	m.PutStr(attrSignal, signame.Of(signal))
	m.PutBool(attrCoreDumped, dumped)

	death := explain(e, sender)
	death.Record = newUID()
	m.PutStr(attrUID, death.Record)
	for k, v := range death.Attributes.All() {
		v.CopyTo(m.PutEmpty(k))
	}
	core := ""
	if dumped {
		core = " and dumped core"
	}
	r.Body().SetStr(fmt.Sprintf("Process %d (%s) was ended by %s%s%s.", e.Tgid, name, signame.Of(signal), death.How, core))
	return death
}

// explain tells what is known of the signal besides its number.
func explain(e *objectSignalEvent, sender *probe.ProcessInfo) *discovery.Death {
	signal, code := int(e.Status&0x7f), int(e.Code)
	d := &discovery.Death{Attributes: pcommon.NewMap()}
	if e.Known == 0 {
		return d
	}
	m := d.Attributes
	m.EnsureCapacity(5)
	m.PutStr(attrCode, codeName(signal, code))
	switch {
	case isFault(signal, code):
		address := "0x" + strconv.FormatUint(e.Address, 16)
		m.PutStr(attrAddress, address)
		d.How = fmt.Sprintf(" (%s) at the address %s", codeName(signal, code), address)
	case isSent(code):
		who := text(e.SenderComm[:])
		m.PutInt(attrSender, int64(e.Sender))
		m.PutInt(attrSenderUser, int64(e.SenderUid))
		m.PutStr(attrSenderName, who)
		if sender != nil && sender.Executable != "" {
			m.PutStr(attrSenderExe, sender.Executable)
		}
		d.How = fmt.Sprintf(" from process %d (%s)", e.Sender, who)
		if e.Sender == e.Tgid {
			d.How = ", which it sent itself"
		}
	case code == siKernel:
		d.How = " from the kernel"
	}
	return d
}

// newUID makes an identity of a record, which no other one has.
func newUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}

// Codes of uapi/asm-generic/siginfo.h.
const (
	siUser   = 0
	siKernel = 0x80
	siQueue  = -1
	siTkill  = -6
)

// isSent tells that a process sent the signal.
func isSent(code int) bool { return code == siUser || code == siQueue || code == siTkill }

// isFault tells that the signal has the address of a fault.
func isFault(signal, code int) bool {
	switch unix.Signal(signal) {
	case unix.SIGILL, unix.SIGTRAP, unix.SIGBUS, unix.SIGFPE, unix.SIGSEGV:
		return code > 0 && code != siKernel
	}
	return false
}

// codeName is si_code as in sigaction(2), else its number.
func codeName(signal, code int) string {
	common := map[int]string{
		siUser: "SI_USER", siKernel: "SI_KERNEL", siQueue: "SI_QUEUE", -2: "SI_TIMER", -3: "SI_MESGQ",
		-4: "SI_ASYNCIO", -5: "SI_SIGIO", siTkill: "SI_TKILL",
	}
	if name, ok := common[code]; ok {
		return name
	}
	var names []string // from 1 on
	switch unix.Signal(signal) {
	case unix.SIGSEGV:
		names = []string{"SEGV_MAPERR", "SEGV_ACCERR", "SEGV_BNDERR", "SEGV_PKUERR", "SEGV_ACCADI", "SEGV_ADIDERR", "SEGV_ADIPERR", "SEGV_MTEAERR", "SEGV_MTESERR", "SEGV_CPERR"}
	case unix.SIGBUS:
		names = []string{"BUS_ADRALN", "BUS_ADRERR", "BUS_OBJERR", "BUS_MCEERR_AR", "BUS_MCEERR_AO"}
	case unix.SIGFPE:
		names = []string{"FPE_INTDIV", "FPE_INTOVF", "FPE_FLTDIV", "FPE_FLTOVF", "FPE_FLTUND", "FPE_FLTRES", "FPE_FLTINV", "FPE_FLTSUB"}
	case unix.SIGILL:
		names = []string{"ILL_ILLOPC", "ILL_ILLOPN", "ILL_ILLADR", "ILL_ILLTRP", "ILL_PRVOPC", "ILL_PRVREG", "ILL_COPROC", "ILL_BADSTK"}
	case unix.SIGTRAP:
		names = []string{"TRAP_BRKPT", "TRAP_TRACE", "TRAP_BRANCH", "TRAP_HWBKPT"}
	case unix.SIGSYS:
		names = []string{"SYS_SECCOMP", "SYS_USER_DISPATCH"}
	}
	if code > 0 && code <= len(names) {
		return names[code-1]
	}
	return strconv.Itoa(code)
}

// text is a string that ends at the first zero.
func text(c []int8) string {
	b := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(c))), len(c))
	if end := bytes.IndexByte(b, 0); end >= 0 {
		b = b[:end]
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}
