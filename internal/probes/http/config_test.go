// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
)

func TestConfig(t *testing.T) {
	require.NoError(t, componenttest.CheckConfigStruct(DefaultConfig()))
	require.NoError(t, DefaultConfig().Validate())
	cfg := DefaultConfig()
	require.NoError(t, confmap.NewFromStringMap(map[string]any{
		"routes":          []any{"/users/{id}"},
		"capture_headers": map[string]any{"request": []any{"X-Tenant"}},
		"sampling":        map[string]any{"ratio": 0.5},
		"metrics":         map[string]any{"histogram": "exponential"},
	}).Unmarshal(cfg))
	require.NoError(t, cfg.Validate())
	assert.Equal(t, SamplingConfig{Ratio: 0.5, ParentBased: true}, cfg.Sampling)
	assert.Equal(t, 2000, cfg.Metrics.CardinalityLimit)
}

func TestConfigErrorsNameThePath(t *testing.T) {
	for want, change := range map[string]func(*Config){
		`routes[0]: "users" does not begin with a slash`:                     func(c *Config) { c.Routes = []string{"users"} },
		`routes[1]: "/a/{y}" matches the same paths as routes[0]`:            func(c *Config) { c.Routes = []string{"/a/{x}", "/a/{y}"} },
		`routes[0]: "{x...}" is not the last segment`:                        func(c *Config) { c.Routes = []string{"/{x...}/b"} },
		`routes[0]: "a{x}": a segment is plain text, {name} or {name...}`:    func(c *Config) { c.Routes = []string{"/a{x}"} },
		`routes[0]: "{}": a segment is plain text, {name} or {name...}`:      func(c *Config) { c.Routes = []string{"/{}"} },
		`capture_headers::request[0]: not the name of a header field`:        func(c *Config) { c.CaptureHeaders.Request = []string{"a b"} },
		`capture_headers::response[1]: not the name of a header field`:       func(c *Config) { c.CaptureHeaders.Response = []string{"a", ""} },
		`redact_query[0]: "a=b" is not the name of a query parameter`:        func(c *Config) { c.RedactQuery = []string{"a=b"} },
		`sampling::ratio: 1.5 is not between 0 and 1`:                        func(c *Config) { c.Sampling.Ratio = 1.5 },
		`sampling::ratio: NaN is not between 0 and 1`:                        func(c *Config) { c.Sampling.Ratio = math.NaN() },
		`metrics::histogram: "fine" is neither "explicit" nor "exponential"`: func(c *Config) { c.Metrics.Histogram = "fine" },
		`metrics::cardinality_limit: must be at least 1`:                     func(c *Config) { c.Metrics.CardinalityLimit = 0 },
	} {
		c := DefaultConfig()
		change(c)
		assert.EqualError(t, c.Validate(), want)
	}
}

func TestRouter(t *testing.T) {
	r, err := newRouter([]string{"/users/{id}", "/users/me", "/static/{path...}", "/users/{id}/posts/{post}", "/", "/{any}/x", "/users/me/posts/new"})
	require.NoError(t, err)
	for path, want := range map[string]string{
		"/users/42":           "/users/{id}",
		"/users/me":           "/users/me",
		"/users/":             "",
		"/users":              "",
		"/users/42/":          "",
		"/users/42/posts/7":   "/users/{id}/posts/{post}",
		"/users/me/posts/7":   "/users/{id}/posts/{post}",
		"/users/me/posts/new": "/users/me/posts/new",
		"/users/x":            "/users/{id}",
		"/static/a/b/c":       "/static/{path...}",
		"/static/":            "/static/{path...}",
		"/static":             "",
		"/":                   "/",
		"/other/x":            "/{any}/x",
		"/other":              "",
		"*":                   "",
		"":                    "",
	} {
		got := ""
		if i := r.match([]byte(path)); i != noRoute {
			got = r.patterns[i]
		}
		assert.Equal(t, want, got, path)
	}
}

func TestRedaction(t *testing.T) {
	r := newRedactor([]string{"token"})
	for in, want := range map[string]string{
		"":                             "",
		"a=1":                          "a=1",
		"sig=abc":                      "sig=REDACTED",
		"a=1&sig=abc&b=2":              "a=1&sig=REDACTED&b=2",
		"AWSAccessKeyId=1&Signature=2": "AWSAccessKeyId=REDACTED&Signature=REDACTED",
		"X-Goog-Signature=x&":          "X-Goog-Signature=REDACTED&",
		"sig":                          "sig",
		"sig=":                         "sig=REDACTED",
		"&&sig=a=b":                    "&&sig=REDACTED",
		"SIG=abc":                      "SIG=abc",
		"token=t&xtoken=u":             "token=REDACTED&xtoken=u",
	} {
		assert.Equal(t, want, string(r.appendQuery(nil, []byte(in))), in)
	}
}

func TestParseTarget(t *testing.T) {
	for _, c := range []struct {
		in                             string
		truncated                      bool
		scheme, authority, path, query string
		userinfo                       bool
	}{
		{in: "/a?b=1", path: "/a", query: "b=1"},
		{in: "/a?", path: "/a"},
		{in: "/a#f?x", path: "/a"},
		{in: "/a", truncated: true},
		{in: "/a?b", truncated: true, path: "/a"},
		{in: "*", path: "*"},
		{in: "http://h:1/p?q", scheme: "http", authority: "h:1", path: "/p", query: "q"},
		{in: "https://u:p@h", scheme: "https", authority: "h", path: "/", userinfo: true},
		{in: "http://h?q", scheme: "http", authority: "h", path: "/", query: "q"},
		{in: "http://hos", truncated: true, scheme: "http"},
		{in: "h:443", authority: "h:443"},
		{in: "h:44", truncated: true},
		{in: ""},
	} {
		got := parseTarget([]byte(c.in), c.truncated)
		assert.Equal(t, c.scheme, string(got.scheme), c.in)
		assert.Equal(t, c.authority, string(got.authority), c.in)
		assert.Equal(t, c.path, string(got.path), c.in)
		assert.Equal(t, c.query, string(got.query), c.in)
		assert.Equal(t, c.userinfo, got.userinfo, c.in)
	}
}

func TestSplitAuthority(t *testing.T) {
	for in, want := range map[string]struct {
		host string
		port uint16
	}{
		"h": {"h", 0}, "h:80": {"h", 80}, "h:": {"h", 0}, "[::1]:8": {"::1", 8}, "[::1]": {"::1", 0},
		"[::1": {}, "[::1]x": {}, "h:99999": {}, "h:x": {}, ":80": {}, "": {}, "[]": {},
	} {
		host, port := splitAuthority([]byte(in))
		assert.Equal(t, want.host, string(host), in)
		assert.Equal(t, want.port, port, in)
	}
}
