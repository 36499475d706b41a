// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxConfig bounds a build configuration. Real ones have 100 to 300 KiB.
const maxConfig = 8 << 20

var errNoConfig = errors.New("not a kernel configuration")

// parseConfig reads a build configuration, plain or compressed with gzip as
// /proc/config.gz is.
func parseConfig(data []byte) (map[string]string, error) {
	if bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		zr, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			return nil, fmt.Errorf("kernel configuration: %w", err)
		}
		if data, err = io.ReadAll(io.LimitReader(zr, maxConfig)); err != nil {
			return nil, fmt.Errorf("kernel configuration: %w", err)
		}
	}
	options := make(map[string]string)
	s := bufio.NewScanner(bytes.NewReader(data))
	for s.Scan() {
		name, value, ok := strings.Cut(s.Text(), "=")
		if !ok || !strings.HasPrefix(name, "CONFIG_") {
			continue
		}
		options[name] = strings.Trim(value, `"`)
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("kernel configuration: %w", err)
	}
	if len(options) == 0 {
		return nil, errNoConfig
	}
	return options, nil
}

// embeddedConfig finds the configuration that CONFIG_IKCONFIG puts into a
// kernel image, between two markers (kernel/configs.c). Nil if there is none.
func embeddedConfig(image []byte) map[string]string {
	_, rest, ok := bytes.Cut(image, []byte("IKCFG_ST"))
	if !ok {
		return nil
	}
	zipped, _, ok := bytes.Cut(rest, []byte("IKCFG_ED"))
	if !ok || len(zipped) > maxConfig {
		return nil
	}
	options, err := parseConfig(zipped)
	if err != nil {
		return nil
	}
	return options
}

// splitList splits at commas and drops what is empty.
func splitList(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == '\n' || r == ' ' })
}
