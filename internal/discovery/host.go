// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"os"
	"runtime/debug"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// Host is what all resources of this machine have in common. Empty fields are
// left out.
type Host struct {
	Name          string // host.name
	ID            string // host.id
	DistroVersion string // telemetry.distro.version
}

// Resource is that of what belongs to no process, as the work of the kernel's own
// threads. enabled says which attributes are wanted; nil means all.
func (h *Host) Resource(enabled func(string) bool) pcommon.Resource {
	res := pcommon.NewResource()
	for _, a := range []struct{ key, value string }{
		{"host.name", h.Name}, {"host.id", h.ID}, {"os.type", "linux"},
		{"telemetry.distro.name", distroName}, {"telemetry.distro.version", h.DistroVersion},
	} {
		if a.value != "" && (enabled == nil || enabled(a.key)) {
			res.Attributes().PutStr(a.key, a.value)
		}
	}
	return res
}

const (
	distroName = "ebpfreceiver"
	modulePath = "github.com/ebpfreceiver/ebpfreceiver"
)

// ReadHost asks this machine. Its ID is the machine ID, in the order of files
// that the semantic conventions give for Linux.
func ReadHost() Host {
	var h Host
	h.Name, _ = os.Hostname() // what is unknown is left out
	for _, path := range []string{"/etc/machine-id", "/var/lib/dbus/machine-id"} {
		if text, err := os.ReadFile(path); err == nil {
			if h.ID = strings.TrimSpace(string(text)); h.ID != "" {
				break
			}
		}
	}
	h.DistroVersion = version()
	return h
}

// version is that of this module in the running executable, or empty when it
// was built from a checkout.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path == modulePath {
			return strings.TrimPrefix(strings.Trim(m.Version, "()"), "v")
		}
	}
	return ""
}
