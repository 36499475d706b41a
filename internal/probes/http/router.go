// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// noRoute is the route of a path that no pattern matches.
const noRoute = int32(-1)

// router finds the most specific pattern of a path: segment by segment from
// the left, a literal one before "{name}" before "{name...}".
type router struct {
	patterns []string // with those that programs chose
	learned  []int32  // the index of these, by number: see learn
	root     *routeNode
}

type routeNode struct {
	literals    map[string]*routeNode
	single      *routeNode
	leaf, multi int32 // patterns that end here, or with "{name...}"
}

func newRouteNode() *routeNode { return &routeNode{leaf: noRoute, multi: noRoute} }

// newRouter compiles patterns. Its errors name the pattern by its index.
func newRouter(patterns []string) (*router, error) {
	r := &router{patterns: slices.Clone(patterns), root: newRouteNode()}
	var errs []error
	for i, p := range patterns {
		if err := r.add(int32(i), p); err != nil {
			errs = append(errs, fmt.Errorf("routes[%d]: %w", i, err))
		}
	}
	return r, errors.Join(errs...)
}

func (r *router) add(index int32, pattern string) error {
	rest, ok := strings.CutPrefix(pattern, "/")
	if !ok {
		return fmt.Errorf("%q does not begin with a slash", pattern)
	}
	n := r.root
	end := &n.leaf
	segments := strings.Split(rest, "/")
	for i, s := range segments {
		inner, opens := strings.CutPrefix(s, "{")
		name, closes := strings.CutSuffix(inner, "}")
		switch {
		case !opens && !strings.ContainsAny(s, "{}"):
			next := n.literals[s]
			if next == nil {
				next = newRouteNode()
				if n.literals == nil {
					n.literals = map[string]*routeNode{}
				}
				n.literals[s] = next
			}
			n = next
		case !opens || !closes || strings.ContainsAny(name, "{}") || strings.Trim(name, ".") == "":
			return fmt.Errorf("%q: a segment is plain text, {name} or {name...}", s)
		case strings.HasSuffix(name, "..."):
			if i != len(segments)-1 {
				return fmt.Errorf("%q is not the last segment", s)
			}
			return r.end(&n.multi, index, pattern)
		default:
			if n.single == nil {
				n.single = newRouteNode()
			}
			n = n.single
		}
		end = &n.leaf
	}
	return r.end(end, index, pattern)
}

func (r *router) end(at *int32, index int32, pattern string) error {
	if *at != noRoute {
		return fmt.Errorf("%q matches the same paths as routes[%d]", pattern, *at)
	}
	*at = index
	return nil
}

// match returns the index of the pattern, or noRoute.
func (r *router) match(path []byte) int32 {
	if len(r.patterns) == 0 || len(path) == 0 || path[0] != '/' {
		return noRoute
	}
	return r.root.match(path[1:])
}

func (n *routeNode) match(path []byte) int32 {
	segment, rest, more := bytes.Cut(path, []byte{'/'})
	follow := func(next *routeNode) int32 {
		if more {
			return next.match(rest)
		}
		return next.leaf
	}
	if next := n.literals[string(segment)]; next != nil {
		if i := follow(next); i != noRoute {
			return i
		}
	}
	if n.single != nil && len(segment) > 0 {
		if i := follow(n.single); i != noRoute {
			return i
		}
	}
	return n.multi
}
