// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
)

// docs/metrics.md names all that is emitted, and nothing else.
func TestMetricsAreDocumented(t *testing.T) {
	const post = "POST /a HTTP/1.1\nHost: shop.example\nContent-Length: 0\n\n"
	metrics, attributes := map[string]string{}, map[string]string{}
	for _, limit := range []int{1, 100} {
		b := newBench(t, func(c *Config) {
			c.Routes = []string{"/a"}
			c.Metrics.BodySizes, c.Metrics.ServerAddress, c.Metrics.CardinalityLimit = true, true, limit
		})
		p := b.process("s")
		for i, role := range []stream.Role{stream.Server, stream.Client} {
			at := uint64(1000 * (i + 1))
			c := b.conn(p, role, "10.0.0.1:80", "10.0.0.2:999")
			c.exchange(at, at+1, 1, 1, stream.Ref{}, post, ok)
			c.exchange(at+10, at+11, 2, 1, stream.Ref{}, post, respond(500))
		}
		for _, role := range []stream.Role{stream.Server, stream.Client} {
			c := b.conn2(t, role, "10.0.0.1:80", "10.0.0.2:999")
			for i, code := range []string{"0", "13"} {
				id := uint32(1 + 2*i)
				c.headers(c.client, id, true, callFields...)
				c.headers(c.server, id, true, append(grpcHead, "grpc-status: "+code)...)
			}
			c.flush()
		}
		for _, m := range b.collect(epoch) {
			require.Equal(t, pmetric.MetricTypeHistogram, m.Type())
			metrics[m.Name()] = m.Unit()
			for _, point := range m.Histogram().DataPoints().All() {
				for key, v := range point.Attributes().All() {
					attributes[key] = typeName(v.Type())
				}
			}
		}
	}
	require.Contains(t, attributes, "otel.metric.overflow")

	page, err := os.ReadFile("../../../docs/metrics.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(page), "\n## http\n")
	require.True(t, found)
	section, _, _ = strings.Cut(section, "\n## ")
	first, second, found := strings.Cut(section, "| Attribute |")
	require.True(t, found)
	assert.Equal(t, metrics, rows(first))
	assert.Equal(t, attributes, rows(second))
}

// rows gives the second column of a table by the first.
func rows(table string) map[string]string {
	all := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| `?(\\w+)`? \\|").FindAllStringSubmatch(table, -1) {
		all[m[1]] = m[2]
	}
	return all
}

func typeName(v pcommon.ValueType) string {
	if v == pcommon.ValueTypeStr {
		return "string"
	}
	return strings.ToLower(v.String())
}
