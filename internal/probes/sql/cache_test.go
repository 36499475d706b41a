// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package sql

import (
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/DataDog/go-sqllexer"
	"github.com/stretchr/testify/assert"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/tracing"
)

func TestCacheLexesATextOnce(t *testing.T) {
	c := newCache(sqllexer.DBMSPostgres)
	for range 100 {
		assert.Equal(t, "SELECT t", c.get([]byte("SELECT a FROM t WHERE b = 1"), false).summary)
	}
	assert.EqualValues(t, 1, c.lexed)
	assert.EqualValues(t, 99, c.hits)
	for i := range 3 * maxQueries {
		c.get(fmt.Appendf(nil, "SELECT a%d", i), false)
		c.get([]byte("SELECT a FROM t WHERE b = 1"), false)
	}
	assert.EqualValues(t, 1+3*maxQueries, c.lexed, "what is asked for again stays")
	assert.LessOrEqual(t, len(c.young)+len(c.old), 2*maxQueries)
}

func TestSplitComment(t *testing.T) {
	const context = "traceparent='00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'"
	for in, want := range map[string]string{
		"SELECT 1 /*" + context + "*/":               "SELECT 1",
		"SELECT 1 /*a='b'," + context + ",z='1'*/ ;": "SELECT 1",
		"/*" + context + "*/ SELECT 1":               "SELECT 1",
		"SELECT '/*" + context + "*/'":               "",
		"SELECT 1 /*traceparent='00-00-00-01'*/":     "",
		"SELECT /*" + context + "*/ 1":               "",
		"SELECT 1 /* no context */":                  "",
		"*/":                                         "",
		"/*/":                                        "",
		"/*" + context:                               "",
	} {
		rest, r := splitComment([]byte(in), true)
		if want == "" {
			assert.Equal(t, in, string(rest))
			assert.Equal(t, tracing.Remote{}, r, in)
			continue
		}
		assert.Equal(t, want, string(rest))
		assert.True(t, r.Valid, in)
		assert.Equal(t, tracing.Keep, r.Decided)
		assert.Equal(t, "b7ad6b7169203331", hex.EncodeToString(r.SpanID[:]))
	}
}

// PostgreSQL's comments may hold others; MySQL's end with the first end.
func TestSplitNestedComment(t *testing.T) {
	const context = "traceparent='00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'"
	for in, want := range map[string]string{
		"SELECT 1 /* a /* b */ " + context + " */":       "SELECT 1",
		"SELECT 1 /* a /* " + context + " */ b /**/ */;": "SELECT 1",
		"/* a /* b */ " + context + " */ SELECT 1":       "SELECT 1",
		"SELECT '*/' /*" + context + "*/":                "SELECT '*/'",
	} {
		rest, r := splitComment([]byte(in), true)
		assert.Equal(t, want, string(rest), in)
		assert.True(t, r.Valid, in)
	}
	rest, r := splitComment([]byte("/* a /*"+context+"*/ SELECT 1"), false)
	assert.Equal(t, "SELECT 1", string(rest))
	assert.True(t, r.Valid)
}

func TestTracestateInComment(t *testing.T) {
	const context = "traceparent='00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'"
	for state, want := range map[string]string{
		"congo%3Dt61rcWkgMzE%2Crojo%3D00f067aa0ba902b7": "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7",
		"a=b":     "a=b",
		"a%3":     "",
		"a%0ab":   "",
		"":        "",
		"a%3D%C3": "",
	} {
		_, r := splitComment([]byte("SELECT 1 /*action='x',"+context+",tracestate='"+state+"'*/"), true)
		assert.True(t, r.Valid)
		assert.Equal(t, want, string(r.State), state)
	}
}

// A query that came before costs a look-up.
func BenchmarkCache(b *testing.B) {
	text := []byte("SELECT abalance, filler FROM pgbench_accounts WHERE aid = 4711 AND bid IN (1, 2, 3)")
	b.Run("known", func(b *testing.B) {
		c := newCache(sqllexer.DBMSPostgres)
		b.ReportAllocs()
		for b.Loop() {
			c.get(text, false)
		}
	})
	b.Run("known but for a number", func(b *testing.B) {
		c := newCache(sqllexer.DBMSPostgres)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			text[48], text[49] = byte('1'+i%9), byte('0'+i/9%10)
			c.get(text, false)
		}
	})
	b.Run("new", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			analyse(string(text), false, sqllexer.DBMSPostgres)
		}
	})
}
