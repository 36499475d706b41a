// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"slices"
	"strings"

	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
)

// unasked stands for a route whose text was not asked for yet.
const unasked = int32(-2)

// learn gives the index in patterns of a route that the serving program chose, by the number that
// the Daemon has for it.
func (r *router) learn(source stream.Routes, number uint16) int32 {
	if number == 0 || source == nil {
		return noRoute
	}
	for len(r.learned) <= int(number) {
		r.learned = append(r.learned, unasked)
	}
	if at := r.learned[number]; at != unasked {
		return at
	}
	text := source.Route(number)
	if text == "" {
		return noRoute // the Daemon may know it later
	}
	at := noRoute
	if path := pathOf(text); path != "" {
		if at = int32(slices.Index(r.patterns, path)); at < 0 { //nolint:gosec // some thousands at most
			at = int32(len(r.patterns)) //nolint:gosec // the same
			r.patterns = append(r.patterns, path)
		}
	}
	r.learned[number] = at
	return at
}

// What the text of a route is, by its first byte, enum route_kind of bpf/include/go_routes.h: else it
// is a pattern of Go's ServeMux.
const (
	plainRoute = 1
	chiRoute   = 2
)

// pathOf is the path in a pattern of Go's ServeMux, "[METHOD ][HOST]/[PATH]": http.route has
// neither method nor host. Of other routers it is their own template of the path.
func pathOf(pattern string) string {
	if pattern == "" {
		return ""
	}
	switch pattern[0] {
	case plainRoute:
		return pattern[1:]
	case chiRoute:
		return joined(pattern[1:])
	}
	if i := strings.IndexAny(pattern, " \t"); i >= 0 {
		pattern = strings.TrimLeft(pattern[i:], " \t")
	}
	if i := strings.IndexByte(pattern, '/'); i >= 0 {
		return pattern[i:]
	}
	return ""
}

// joined is the pattern that nested routers of chi come to: behind the "/*" of one begins what the next
// one chose, and a slash at the end means nothing.
func joined(patterns string) string {
	for strings.Contains(patterns, "/*/") {
		patterns = strings.ReplaceAll(patterns, "/*/", "/")
	}
	if patterns == "/" {
		return patterns
	}
	return strings.TrimSuffix(strings.TrimSuffix(patterns, "//"), "/")
}

// route is that which is configured for the path, else the one that the program chose.
func (p *instrument) route(path []byte, chosen uint16) int32 {
	if r := p.router.match(path); r != noRoute {
		return r
	}
	return p.router.learn(p.routes, chosen)
}
