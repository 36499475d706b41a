// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPathOf(t *testing.T) {
	for pattern, want := range map[string]string{
		"/users/{id}": "/users/{id}", "GET /users/{id}": "/users/{id}", "GET \t /": "/", "example.com/a/": "/a/",
		"POST [::1]/a/{b...}": "/a/{b...}", "/{$}": "/{$}", "GET": "", "": "", "example.com": "",
		"\x01/users/:id": "/users/:id", "\x01/a b/{x:[^ ]+}": "/a b/{x:[^ ]+}", "\x01": "",
		"\x02/": "/", "\x02/users/{id}": "/users/{id}", "\x02/api/*/users/": "/api/users", "\x02/a/*/*/*/b": "/a/b",
		"\x02/api/*/": "/api", "\x02/files/*": "/files/*", "\x02/a//": "/a",
	} {
		assert.Equal(t, want, pathOf(pattern), pattern)
	}
}

// texts are routes by number.
type texts []string

func (s texts) Route(number uint16) string {
	if int(number) < len(s) {
		return s[number]
	}
	return ""
}

func TestLearn(t *testing.T) {
	r, err := newRouter([]string{"/own/{x}"})
	require.NoError(t, err)
	known := texts{"", "GET /users/{id}", "POST /users/{id}", "", "/own/{x}"}
	assert.Equal(t, noRoute, r.learn(known, 0))
	assert.Equal(t, noRoute, r.learn(nil, 1))
	at := r.learn(known, 1)
	require.GreaterOrEqual(t, at, int32(0))
	assert.Equal(t, "/users/{id}", r.patterns[at])
	assert.Equal(t, at, r.learn(known, 2), "the same path")
	assert.EqualValues(t, 0, r.learn(known, 4), "that of the configuration")
	assert.Equal(t, noRoute, r.learn(known, 3), "not known yet")
	known[3] = "/late"
	assert.Equal(t, "/late", r.patterns[r.learn(known, 3)])
	known[3] = "/changed"
	assert.Equal(t, "/late", r.patterns[r.learn(known, 3)], "it is asked for once")
	assert.EqualValues(t, 0, r.match([]byte("/own/1")))
	assert.Equal(t, noRoute, r.match([]byte("/users/1")), "only the program knows which it chose")
}

// What is configured stands above what the program chose.
func TestConfiguredRouteFirst(t *testing.T) {
	r, err := newRouter([]string{"/users/{id}"})
	require.NoError(t, err)
	p := &instrument{router: r, routes: texts{"", "/"}}
	assert.EqualValues(t, 0, p.route([]byte("/users/7"), 1))
	at := p.route([]byte("/other"), 1)
	assert.Equal(t, "/", r.patterns[at])
	assert.Equal(t, "GET /", p.spanName(1, at))
	assert.Equal(t, "GET /users/{id}", p.spanName(1, 0))
	assert.Equal(t, "GET", p.spanName(1, noRoute))
}

// What a program tells of streams is for one exchange each.
func TestToldOfStreams(t *testing.T) {
	r, err := newRouter(nil)
	require.NoError(t, err)
	h := &handler2{s: &second{p: &instrument{router: r, routes: texts{"", "/pkg.Service/Method", "GET /a/{b}"}}}}
	var a subject2
	h.tell(5, &a)
	assert.Equal(t, subject2{}, a, "nothing was told")
	h.Routed(5, 1, true)
	h.Routed(7, 2, false)
	h.tell(5, &a)
	assert.Equal(t, "/pkg.Service/Method", string(a.ex.Target))
	assert.True(t, a.more.call)
	var b subject2
	h.tell(5, &b)
	assert.Equal(t, subject2{}, b, "once")
	h.tell(7, &b)
	assert.EqualValues(t, 2, b.ex.ResponseTag.Route)
	assert.False(t, b.more.call)
	// What the headers say stands above it.
	h.Routed(9, 1, true)
	b.ex.Target = []byte("/own/path")
	h.tell(9, &b)
	assert.Equal(t, "/own/path", string(b.ex.Target))
	for i := range uint32(2 * maxRoutes) {
		h.Routed(i, 2, false)
	}
	assert.LessOrEqual(t, len(h.routes), maxRoutes)
}
