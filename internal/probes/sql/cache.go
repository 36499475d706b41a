// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package sql

import (
	"hash/maphash"

	"github.com/DataDog/go-sqllexer"
)

// maxQueries bounds each of the two generations of the cache, maxQueryBytes its texts.
const (
	maxQueries    = 2048
	maxQueryBytes = 2 << 20
)

// queryKey knows the shape of a text by two independent hashes, so that literals, which may be
// secret, are not kept.
type queryKey struct {
	one, two uint64
	n        int
	cut      bool
}

// cache remembers what texts say: the lexer runs once for those whose shape comes again.
type cache struct {
	dialect     sqllexer.DBMSType
	seeds       [2]maphash.Seed
	young, old  map[queryKey]*query
	bytes       int // of the young ones
	shape       []byte
	hits, lexed uint64
}

func newCache(dialect sqllexer.DBMSType) *cache {
	return &cache{
		dialect: dialect, seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()},
		young: map[queryKey]*query{}, old: map[queryKey]*query{},
	}
}

// get returns what a text says. The texts that were not asked for lately make room.
func (c *cache) get(text []byte, cut bool) *query {
	c.shape = shape(c.shape[:0], text, cut)
	k := queryKey{maphash.Bytes(c.seeds[0], c.shape), maphash.Bytes(c.seeds[1], c.shape), len(c.shape), cut}
	clear(c.shape)
	if q := c.young[k]; q != nil {
		c.hits++
		return q
	}
	q := c.old[k]
	if q == nil {
		c.lexed++
		q = analyse(string(text), cut, c.dialect)
	} else {
		c.hits++
	}
	if len(c.young) >= maxQueries || c.bytes >= maxQueryBytes {
		c.young, c.old = c.old, c.young
		clear(c.young)
		c.bytes = 0
	}
	c.young[k] = q
	c.bytes += len(q.text) + len(q.summary)
	return q
}
