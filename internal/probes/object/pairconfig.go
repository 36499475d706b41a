// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package object

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Pair joins two records into one: that of a beginning and that of an end. The fields of
// the joined record are found under "begin." and "end."; without either, in the end and then
// in the beginning.
type Pair struct {
	// Key are the fields that are the same in both records.
	Key []string `mapstructure:"key"`
	// BeginKey are those of the beginning, in the order of Key, where they are called
	// otherwise there.
	BeginKey []string `mapstructure:"begin_key"`
	// Begin and End tell which records are which, by fields and their values: a number, a
	// name of an enum, a text, or a list of such.
	Begin map[string]any `mapstructure:"begin"`
	End   map[string]any `mapstructure:"end"`
	// BeginMap is the buffer with the beginnings, if it is not that with the ends, with
	// the type of its records as in [Output].
	BeginMap    string `mapstructure:"begin_map"`
	BeginType   string `mapstructure:"begin_type"`
	BeginLayout string `mapstructure:"begin_layout"`
	// Timeout is how long a beginning waits for its end.
	Timeout time.Duration `mapstructure:"timeout"`
	// MaxOpen is the most beginnings that wait.
	MaxOpen int `mapstructure:"max_open"`
}

// The defaults of a pair. A beginning that waits takes the size of its record and some 150
// bytes.
const (
	defaultPairTimeout = time.Minute
	defaultMaxOpen     = 10_000
	mostOpen           = 1_000_000
)

func (p *Pair) check() error {
	var errs []error
	if len(p.Key) == 0 {
		errs = append(errs, errors.New("pair::key: by which fields an end finds its beginning is not known"))
	}
	if len(p.BeginKey) > 0 && len(p.BeginKey) != len(p.Key) {
		errs = append(errs, fmt.Errorf("pair::begin_key: it has %d fields, and key has %d", len(p.BeginKey), len(p.Key)))
	}
	if p.BeginMap == "" {
		if len(p.Begin) == 0 || len(p.End) == 0 {
			errs = append(errs, errors.New("pair: which records begin and which end is not known: name a field and its value with begin and with end, or another buffer with begin_map"))
		}
		if p.BeginType != "" || p.BeginLayout != "" {
			errs = append(errs, errors.New("pair: begin_type and begin_layout belong to a begin_map"))
		}
	}
	if p.BeginType != "" && p.BeginLayout != "" {
		errs = append(errs, errors.New("pair: begin_type and begin_layout exclude each other"))
	}
	if p.Timeout < 0 {
		errs = append(errs, errors.New("pair::timeout: it must be greater than 0"))
	}
	if p.MaxOpen < 0 || p.MaxOpen > mostOpen {
		errs = append(errs, fmt.Errorf("pair::max_open: it must be between 1 and %d", mostOpen))
	}
	for _, c := range []struct {
		key    string
		fields map[string]any
	}{{"begin", p.Begin}, {"end", p.End}} {
		for _, path := range slices.Sorted(maps.Keys(c.fields)) {
			if _, err := choices(c.fields[path]); err != nil {
				errs = append(errs, fmt.Errorf("pair::%s::%s: %w", c.key, path, err))
			}
		}
	}
	return errors.Join(errs...)
}

// choices are the values of a condition: one or a list.
func choices(v any) ([]any, error) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	if len(list) == 0 {
		return nil, errors.New("a value is missing")
	}
	for _, one := range list {
		switch one.(type) {
		case string, bool, int, int64, uint64, float64:
		default:
			return nil, fmt.Errorf("%v is no value that a field has", one)
		}
	}
	return list, nil
}
