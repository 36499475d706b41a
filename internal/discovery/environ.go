// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"bytes"
	"errors"
	"net/url"
	"strings"
	"unicode/utf8"
)

// environment is what a process's environment says of its resource.
type environment struct {
	serviceName string
	attributes  []attribute // of OTEL_RESOURCE_ATTRIBUTES, in their order
}

type attribute struct{ key, value string }

// maxAttributes bounds what one process can put into its resource.
const maxAttributes = 64

var errAttributes = errors.New("OTEL_RESOURCE_ATTRIBUTES is malformed")

// parseEnviron reads the zero-separated variables of /proc/PID/environ. With an
// error, what was right is given all the same.
func parseEnviron(text []byte) (env environment, err error) {
	for item := range bytes.SplitSeq(text, []byte{0}) {
		if value, ok := bytes.CutPrefix(item, []byte("OTEL_SERVICE_NAME=")); ok {
			if utf8.Valid(value) {
				env.serviceName = string(value)
			}
		} else if value, ok := bytes.CutPrefix(item, []byte("OTEL_RESOURCE_ATTRIBUTES=")); ok {
			env.attributes, err = parseAttributes(string(value))
		}
	}
	return env, err
}

// parseAttributes reads key=value pairs separated by commas, with both
// percent-encoded. As the OpenTelemetry specification demands (Resource SDK,
// "Specifying resource information via an environment variable"), any error
// discards them all.
func parseAttributes(text string) ([]attribute, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var list []attribute
	for item := range strings.SplitSeq(text, ",") {
		if strings.TrimSpace(item) == "" {
			continue
		}
		key, value, ok := strings.Cut(item, "=")
		key, err := url.PathUnescape(strings.TrimSpace(key))
		if !ok || err != nil || key == "" || !utf8.ValidString(key) {
			return nil, errAttributes
		}
		value, err = url.PathUnescape(strings.TrimSpace(value))
		if err != nil || !utf8.ValidString(value) || len(list) == maxAttributes {
			return nil, errAttributes
		}
		list = append(list, attribute{key, value})
	}
	return list, nil
}

// get is the value of a key, or empty.
func (e *environment) get(key string) string {
	for _, a := range e.attributes {
		if a.key == key {
			return a.value
		}
	}
	return ""
}
