// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package sql

import (
	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/db"
)

// Config is the section "sql" of the receiver's configuration.
type Config struct {
	db.Config `mapstructure:",squash"`
	// QueryText adds the text of queries to spans.
	QueryText bool `mapstructure:"query_text"`
	// Sanitize replaces the literals of the text by "?". Without it texts are
	// emitted as they were sent, with all that is secret in them.
	Sanitize bool `mapstructure:"sanitize"`
	// NamesFromQuery adds db.operation.name and db.collection.name where the text
	// has only one of them.
	NamesFromQuery bool `mapstructure:"names_from_query"`
}

// DefaultConfig returns a new configuration with the defaults.
func DefaultConfig() *Config {
	return &Config{Config: db.DefaultConfig(), QueryText: true, Sanitize: true}
}
