// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"

	"go.opentelemetry.io/collector/confmap"

	"github.com/ebpfreceiver/ebpfreceiver/internal/discovery"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
)

// ProtocolsConfig says what a target's processes speak, where that is not to be found out
// from the bytes.
type ProtocolsConfig struct {
	// Forbid are protocols that are not looked for: bytes that look like theirs are not
	// taken for it.
	Forbid []protocolName `mapstructure:"forbid"`
	// Force gives a protocol to TCP ports, as in "8000-8999,443": connections of the
	// processes from or to such a port of a server speak it, whatever their bytes look like.
	Force map[protocolName]portRanges `mapstructure:"force"`
}

// protocolName is the name of a protocol.
type protocolName string

// Validate refuses what is not known.
func (n protocolName) Validate() error {
	_, err := stream.ProtosNamed(string(n))
	return err
}

var (
	errForceHTTP      = errors.New("force::http: is two protocols; use http1 or http2")
	errExcludedSpeaks = errors.New("has no meaning for what is not observed")
)

// Validate tells what is wrong with the section as a whole.
func (c *ProtocolsConfig) Validate() error {
	_, err := c.rules()
	return err
}

// rules gives what the section says, or nil when that is nothing.
func (c *ProtocolsConfig) rules() (*discovery.Rules, error) {
	if len(c.Forbid) == 0 && len(c.Force) == 0 {
		return nil, nil
	}
	r := &discovery.Rules{}
	for _, name := range c.Forbid {
		protos, _ := stream.ProtosNamed(string(name)) // the name validates itself
		for _, p := range protos {
			r.Forbidden |= 1 << p
		}
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(c.Force)) {
		protos, _ := stream.ProtosNamed(string(name))
		switch {
		case len(protos) > 1:
			errs = append(errs, errForceHTTP)
		case len(protos) == 1 && r.Forbidden&(1<<protos[0]) != 0:
			errs = append(errs, fmt.Errorf("force::%s: is forbidden, too", name))
		case len(protos) == 1 && c.Force[name].Validate() == nil: // the ports validate themselves
			if err := r.Force(string(c.Force[name]), uint8(protos[0])); err != nil {
				errs = append(errs, fmt.Errorf("force::%s: %w", name, err))
			}
		}
	}
	return r, errors.Join(errs...)
}

var _ confmap.Unmarshaler = (*ProtocolsConfig)(nil)

// Unmarshal takes a number for ports too, as that of a target.
func (c *ProtocolsConfig) Unmarshal(conf *confmap.Conf) error {
	if err := checkKeys(conf, reflect.TypeFor[ProtocolsConfig]()); err != nil {
		return err
	}
	text := map[string]any{}
	if force, ok := conf.Get("force").(map[string]any); ok {
		for name, ports := range force {
			if n, ok := ports.(int); ok {
				text["force"+confmap.KeyDelimiter+name] = strconv.Itoa(n)
			}
		}
	}
	rest := confmap.New()
	if err := errors.Join(rest.Merge(conf), rest.Merge(confmap.NewFromStringMap(text))); err != nil {
		return err
	}
	type plain ProtocolsConfig // without this method
	return rest.Unmarshal((*plain)(c))
}
