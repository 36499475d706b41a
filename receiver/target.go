// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"

	"go.opentelemetry.io/collector/confmap"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
)

// TargetConfig selects processes. All fields that are set must match, and one
// besides ServiceName and Protocols must be set.
type TargetConfig struct {
	// ServiceName names the service of what the target matches.
	ServiceName string `mapstructure:"service_name"`
	// Exe is a glob for the path of the executable. `*` and `?` do not match a
	// slash, `**` does.
	Exe exeGlob `mapstructure:"exe"`
	// Cmdline is a regular expression, searched for in the arguments joined by
	// spaces.
	Cmdline cmdlineRegexp `mapstructure:"cmdline"`
	// Ports are TCP ports, as in "8000-8999,443". The process must listen on
	// one of them.
	Ports portRanges `mapstructure:"ports"`
	// ContainerID is the ID of the container or the beginning of it.
	ContainerID containerPrefix `mapstructure:"container_id"`
	// Cgroup is a glob for the path of a control group of the process.
	Cgroup cgroupGlob `mapstructure:"cgroup"`
	// PID is the process ID.
	PID processID `mapstructure:"pid"`
	// User is the name or the number of the user that the process runs as.
	User string `mapstructure:"user"`
	// Protocols are no condition: they say what the processes speak.
	Protocols ProtocolsConfig `mapstructure:"protocols"`
}

// Each field is of its own type so that it validates itself: the collector then
// puts its whole path before the message, as in
// "receivers::ebpf::targets::0::exe: …".
type (
	exeGlob         string
	cmdlineRegexp   string
	portRanges      string
	containerPrefix string
	cgroupGlob      string
	processID       int
)

func (v exeGlob) Validate() error {
	return fieldError(discovery.Selector{Exe: string(v)})
}

func (v cmdlineRegexp) Validate() error {
	return fieldError(discovery.Selector{Cmdline: string(v)})
}

func (v portRanges) Validate() error {
	return fieldError(discovery.Selector{Ports: string(v)})
}

func (v containerPrefix) Validate() error {
	return fieldError(discovery.Selector{ContainerID: string(v)})
}

func (v cgroupGlob) Validate() error {
	return fieldError(discovery.Selector{Cgroup: string(v)})
}

func (v processID) Validate() error {
	return fieldError(discovery.Selector{PID: int(v)})
}

// Validate tells what is wrong with the target as a whole.
func (t *TargetConfig) Validate() error {
	_, err := t.compile()
	if fe, ok := errors.AsType[*discovery.FieldError](err); ok && fe.Field == "" {
		return fe.Err
	}
	return nil
}

// fieldError compiles a selector with one field and tells what is wrong with it.
func fieldError(s discovery.Selector) error {
	_, err := s.Compile()
	if fe, ok := errors.AsType[*discovery.FieldError](err); ok && fe.Field != "" {
		return fe.Err
	}
	return nil
}

func (t *TargetConfig) compile() (*discovery.Matcher, error) {
	rules, err := t.Protocols.rules()
	if err != nil {
		return nil, fmt.Errorf("protocols::%w", err)
	}
	return discovery.Selector{
		ServiceName: t.ServiceName,
		Rules:       rules,
		Exe:         string(t.Exe),
		Cmdline:     string(t.Cmdline),
		Ports:       string(t.Ports),
		ContainerID: string(t.ContainerID),
		Cgroup:      string(t.Cgroup),
		PID:         int(t.PID),
		User:        t.User,
	}.Compile()
}

var _ confmap.Unmarshaler = (*TargetConfig)(nil)

// Unmarshal takes numbers for ports and user too: "ports: 8080" is a number in
// YAML, and so is "user: 1000".
func (t *TargetConfig) Unmarshal(conf *confmap.Conf) error {
	if err := checkKeys(conf, reflect.TypeFor[TargetConfig]()); err != nil {
		return err
	}
	text := map[string]any{}
	for _, key := range []string{"ports", "user"} {
		if n, ok := conf.Get(key).(int); ok {
			text[key] = strconv.Itoa(n)
		}
	}
	rest := confmap.New()
	if err := errors.Join(rest.Merge(conf), rest.Merge(confmap.NewFromStringMap(text))); err != nil {
		return err
	}
	type plain TargetConfig // without this method
	return rest.Unmarshal((*plain)(t))
}

// describeTargets says for people what is observed.
func (c *Config) describeTargets() string {
	switch n := len(c.Targets); n {
	case 0:
		return "all processes but this one"
	case 1:
		return "the processes of 1 target"
	default:
		return fmt.Sprintf("the processes of %d targets", n)
	}
}

// selection compiles targets and exclude. A validated configuration gives no error.
func (c *Config) selection(self int) (*discovery.Selection, error) {
	s := &discovery.Selection{Self: uint32(self), Attributes: c.attributeEnabled()}
	for i := range c.Targets {
		m, err := c.Targets[i].compile()
		if err != nil {
			return nil, fmt.Errorf("targets::%d::%w", i, err)
		}
		s.Targets = append(s.Targets, m)
	}
	for i := range c.Exclude {
		m, err := c.Exclude[i].compile()
		if err != nil {
			return nil, fmt.Errorf("exclude::%d::%w", i, err)
		}
		s.Exclude = append(s.Exclude, m)
	}
	return s, nil
}
