// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"fmt"
	"strings"
)

// protoNames are those of the configuration.
var protoNames = [numProtos]string{
	"", "http1", "http2", "postgresql", "mysql", "redis", "memcached", "kafka", "amqp", "nats", "mqtt", "mongodb", "dns",
}

// String gives the name that the configuration has for it.
func (p Proto) String() string {
	if p != ProtoUnknown && int(p) < len(protoNames) {
		return protoNames[p]
	}
	return "unknown"
}

// ProtosNamed gives those of a name in the configuration: "http" is two.
func ProtosNamed(name string) ([]Proto, error) {
	if name == "http" {
		return []Proto{ProtoHTTP1, ProtoHTTP2}, nil
	}
	for p, known := range protoNames {
		if known == name && known != "" {
			return []Proto{Proto(p)}, nil
		}
	}
	return nil, fmt.Errorf("%q is not known; known are http, %s", name, strings.Join(protoNames[1:], ", "))
}
