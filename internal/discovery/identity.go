// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// identity is what is known of one process. Fields that could not be found
// out are empty.
type identity struct {
	pid, parent uint32
	innerPID    uint32 // in its own PID namespace
	start       uint64 // boot time, ns
	created     time.Time
	comm        string
	exe         string
	args        []string
	uid, euid   uint32
	owner       string
	cgroup      string // text of /proc/PID/cgroup
	mainCgroup  string // the line of it that tells most
	container   string
	pod         string
	env         environment
	goVersion   string
	ports       []uint16
	inherits    bool // all but the numbers is its parent's
}

// like takes what a child shares with its parent until it calls exec.
func (id *identity) like(parent *identity) {
	id.exe, id.env, id.goVersion = parent.exe, parent.env, parent.goVersion
	id.cgroup, id.mainCgroup, id.container, id.pod = parent.cgroup, parent.mainCgroup, parent.container, parent.pod
	id.inherits = true
}

func (id *identity) candidate() *Candidate {
	return &Candidate{
		PID: id.pid, UID: id.euid, User: id.owner, Exe: id.exe, Cmdline: strings.Join(id.args, " "),
		ContainerID: id.container, Cgroups: cgroupPaths(id.cgroup), Ports: id.ports,
	}
}

func (id *identity) setCgroup(text string) {
	id.cgroup, id.mainCgroup = text, mainCgroup(text)
	id.container, id.pod = containerOf(cgroupPaths(text))
}

// name is the base name of the executable, else the command name.
func (id *identity) name() string {
	if id.exe != "" {
		return path.Base(id.exe)
	}
	return id.comm
}

func (id *identity) serviceName(d Decision) string {
	for _, name := range []string{id.env.serviceName, id.env.get("service.name"), d.ServiceName(), id.name()} {
		if name != "" {
			return name
		}
	}
	return "unknown_service"
}

// instanceSpace is the namespace that the semantic conventions give for a
// service.instance.id made from an inherent unique ID.
var instanceSpace = uuid.MustParse("4d63009a-8d0f-11ee-aad7-4c796ed8e320")

// instance is the same each time this process is looked at. In a container the
// inner PID is stable over restarts of the collector and unique; else it takes
// the start time to tell apart processes of one PID.
func (id *identity) instance(h *Host) string {
	key := h.ID + "/" + strconv.FormatUint(uint64(id.pid), 10) + "/" + strconv.FormatUint(id.start/tick, 10)
	if id.container != "" && id.innerPID != 0 {
		key = id.container + "/" + strconv.FormatUint(uint64(id.innerPID), 10)
	}
	return uuid.NewSHA1(instanceSpace, []byte(key)).String()
}

// resource builds the OpenTelemetry resource by the semantic conventions.
// enabled says which attributes are wanted.
func (id *identity) resource(h *Host, service string, enabled func(string) bool) pcommon.Resource {
	res := pcommon.NewResource()
	m := res.Attributes()
	m.EnsureCapacity(20 + len(id.env.attributes))
	text := func(key, value string) {
		if value != "" && enabled(key) {
			m.PutStr(key, value)
		}
	}
	num := func(key string, value uint32) {
		if value != 0 && enabled(key) {
			m.PutInt(key, int64(value))
		}
	}
	text("host.name", h.Name)
	text("host.id", h.ID)
	text("os.type", "linux")
	text("telemetry.distro.name", distroName)
	text("telemetry.distro.version", h.DistroVersion)
	text("service.instance.id", id.instance(h))
	// The process knows best, but for what was observed of it, below.
	for _, a := range id.env.attributes {
		m.PutStr(a.key, a.value)
	}
	text("service.name", service)
	text("container.id", id.container)
	text("k8s.pod.uid", id.pod)
	num("process.pid", id.pid)
	num("process.parent_pid", id.parent)
	text("process.executable.name", id.name())
	text("process.executable.path", id.exe)
	if len(id.args) > 0 {
		text("process.command", Redact(id.args[:1])[0])
		if enabled("process.command_args") {
			args := m.PutEmptySlice("process.command_args")
			for _, a := range Redact(id.args) {
				args.AppendEmpty().SetStr(a)
			}
		}
	}
	text("process.owner", id.owner)
	if id.goVersion != "" {
		text("process.runtime.name", "go")
		if id.goVersion != unknownVersion {
			text("process.runtime.version", id.goVersion)
		}
	}
	if !id.created.IsZero() {
		text("process.creation.time", id.created.UTC().Format(time.RFC3339Nano))
	}
	return res
}
