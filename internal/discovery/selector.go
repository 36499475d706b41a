// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Selector describes processes. All fields that are set must match.
type Selector struct {
	// ServiceName names the service of what the selector matches. It is no
	// condition.
	ServiceName string `mapstructure:"service_name"`
	// Exe is a glob for the path of the executable. `*` and `?` do not match a
	// slash, `**` does.
	Exe string `mapstructure:"exe"`
	// Cmdline is a regular expression, searched for in the arguments joined by
	// spaces.
	Cmdline string `mapstructure:"cmdline"`
	// Ports are TCP ports, as in "8000-8999,443". One that the process listens
	// on must be among them.
	Ports string `mapstructure:"ports"`
	// ContainerID is the ID of the container or the first part of it.
	ContainerID string `mapstructure:"container_id"`
	// Cgroup is a glob for the path of any control group of the process, as in
	// /proc/PID/cgroup.
	Cgroup string `mapstructure:"cgroup"`
	// PID is the process ID.
	PID int `mapstructure:"pid"`
	// User is the name or the number of the user that the process runs as.
	User string `mapstructure:"user"`
	// Rules are no condition. Nil means none.
	Rules *Rules `mapstructure:"-"`
}

// FieldError says which field of a [Selector] is wrong. Field is the key in
// the configuration, or empty when it is the selector as a whole.
type FieldError struct {
	Field string
	Err   error
}

func (e *FieldError) Error() string {
	if e.Field == "" {
		return e.Err.Error()
	}
	return e.Field + ": " + e.Err.Error()
}

// Unwrap gives the cause.
func (e *FieldError) Unwrap() error { return e.Err }

var errNoCondition = errors.New("needs at least one of exe, cmdline, ports, container_id, cgroup, pid, user")

// Matcher is a compiled [Selector]. It is safe for concurrent use.
type Matcher struct {
	serviceName string
	rules       *Rules
	container   string
	user        string
	uid         uint32
	byUID       bool
	pid         uint32
	exe         *regexp.Regexp
	cmdline     *regexp.Regexp
	cgroup      *regexp.Regexp
	ports       []portRange
}

// Compile checks the selector. Its errors are of type *[FieldError].
func (s Selector) Compile() (*Matcher, error) {
	m := &Matcher{serviceName: s.ServiceName, rules: s.Rules, container: s.ContainerID, user: s.User}
	if s.Exe == "" && s.Cmdline == "" && s.Ports == "" && s.ContainerID == "" && s.Cgroup == "" && s.PID == 0 && s.User == "" {
		return nil, &FieldError{Err: errNoCondition}
	}
	var err error
	if m.exe, err = compileGlob(s.Exe); err != nil {
		return nil, &FieldError{Field: "exe", Err: err}
	}
	if s.Cmdline != "" {
		if m.cmdline, err = regexp.Compile(s.Cmdline); err != nil {
			return nil, &FieldError{Field: "cmdline", Err: err}
		}
	}
	if m.ports, err = parsePorts(s.Ports); err != nil {
		return nil, &FieldError{Field: "ports", Err: err}
	}
	if strings.Trim(s.ContainerID, "0123456789abcdef") != "" {
		return nil, &FieldError{Field: "container_id", Err: fmt.Errorf("%q is not hexadecimal in lower case", s.ContainerID)}
	}
	if m.cgroup, err = compileGlob(s.Cgroup); err != nil {
		return nil, &FieldError{Field: "cgroup", Err: err}
	}
	// The kernel's highest possible PID_MAX_LIMIT is 4 Mi.
	if s.PID < 0 || s.PID > 1<<22 {
		return nil, &FieldError{Field: "pid", Err: fmt.Errorf("%d is not between 1 and %d", s.PID, 1<<22)}
	}
	m.pid = uint32(s.PID)
	if uid, err := strconv.ParseUint(s.User, 10, 32); err == nil {
		m.uid, m.byUID = uint32(uid), true
	}
	return m, nil
}

// ServiceName is what the selector calls the service, or empty.
func (m *Matcher) ServiceName() string { return m.serviceName }

// Match tells whether all fields that were set match the process.
func (m *Matcher) Match(c *Candidate) bool {
	switch {
	case m.pid != 0 && m.pid != c.PID,
		m.byUID && m.uid != c.UID,
		m.user != "" && !m.byUID && m.user != c.User,
		m.container != "" && !strings.HasPrefix(c.ContainerID, m.container),
		m.exe != nil && !m.exe.MatchString(c.Exe),
		m.cmdline != nil && !m.cmdline.MatchString(c.Cmdline),
		m.cgroup != nil && !slices.ContainsFunc(c.Cgroups, m.cgroup.MatchString),
		m.ports != nil && !anyPort(m.ports, c.Ports):
		return false
	}
	return true
}
