// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Package tls is the Daemon "tls": the plaintext of connections that selected
// processes encrypt with OpenSSL, BoringSSL, GnuTLS or Go. It adds to the Daemon socket,
// whose protocols then work over TLS as they do without.
package tls

import (
	"fmt"

	"github.com/cilium/ebpf"
	"go.opentelemetry.io/collector/component"

	"github.com/ebpfreceiver/ebpfreceiver/internal/uprobe"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// Name is the Daemon's type.
const Name = "tls"

// The names of the variants.
const (
	uprobeMulti = "uprobe_multi"
	uprobePMU   = "uprobe"
)

// Factory describes the Daemon.
func Factory() probe.Factory {
	return probe.Factory{
		Manifest: probe.Manifest{
			Name:      Name,
			Kind:      probe.Daemon,
			Summary:   "the plaintext of connections that OpenSSL, BoringSSL, GnuTLS or Go encrypt",
			DependsOn: []string{"socket", "discovery"},
			Extends:   "socket",
			Stability: component.StabilityLevelDevelopment,
			Variants:  variants(),
		},
		DefaultConfig: defaultConfig,
		New: func(set probe.Settings, config any) (probe.Probe, error) {
			cfg, ok := config.(*Config)
			if !ok {
				return nil, fmt.Errorf("configuration is a %T, not a %T", config, cfg)
			}
			return newDaemon(set, cfg), nil
		},
	}
}

func variants() []probe.Variant {
	loses := []string{
		"what other libraries encrypt, as NSS, mbed TLS, rustls or Java's own",
		"what an executable or library encrypts in the first moments in which any process has it mapped",
		"records of more than one pipeline or block in one call of OpenSSL's CBC ciphers",
	}
	// Kernels that have the first have programs that user space runs, too, which no policy is known to refuse.
	return []probe.Variant{
		{Name: uprobeMulti, Loses: loses, Spec: loadObject, Adapt: func(spec *ebpf.CollectionSpec) {
			uprobe.Multi(spec)
			delete(spec.Programs, iterated)
		}},
		{Name: uprobePMU, Loses: loses, Spec: loadObject, Adapt: func(spec *ebpf.CollectionSpec) {
			delete(spec.Programs, called)
		}},
	}
}

// The programs that go over all connections, of which each variant has one.
const (
	iterated = "tls_sweep"
	called   = "tls_each"
)
