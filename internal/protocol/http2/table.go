// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http2

const (
	// defaultTable is SETTINGS_HEADER_TABLE_SIZE before any setting (RFC 9113 section 6.5.2).
	defaultTable = 4096
	// maxTable bounds the dynamic table kept for a peer that wants more.
	maxTable = 64 << 10
	// entryOverhead is what RFC 7541 section 4.1 adds to an entry's size.
	entryOverhead = 32
)

// entry is a field in the dynamic table. Only values of wanted names are kept: what is of
// no interest, credentials among it, leaves nothing but its size.
type entry struct {
	pos  uint64 // of the value, in table.buf counted from the connection's start
	len  uint32
	size uint32 // as RFC 7541 section 4.1, or less when the name is unknown
	// nameLen is 0 when the name is unknown.
	nameLen uint32
	name    nameID
}

// table is the dynamic table of one direction (RFC 7541 section 2.3.2) as far as it is
// known. Indexes count from the newest entry, so entries that were inserted since a loss
// keep their index; what is older is unknown until enough known entries have followed to
// have evicted it.
type table struct {
	ring []entry // length a power of two
	head int     // where the next entry goes
	n    int
	buf  []byte
	base uint64 // position of buf[0]
	size uint32
	max  uint32 // the encoder's current maximum
	// maxKnown: max is not an assumption.
	maxKnown bool
	// partial: there may be entries older than those known.
	partial bool
	// limit is the largest maximum the decoder ever allowed; 0 when not known.
	limit uint32
}

// reset makes the table that of a new connection, or of one joined within.
func (t *table) reset(fresh bool) {
	buf, ring := t.buf[:0], t.ring
	if cap(buf) > 2*defaultTable {
		buf = nil
	}
	if len(ring) > 128 {
		ring = nil
	}
	*t = table{ring: ring, buf: buf, max: defaultTable, maxKnown: fresh, partial: !fresh}
	if fresh {
		t.limit = defaultTable
	}
}

// damage notes that an unknown number of insertions and updates was not seen.
func (t *table) damage() {
	t.n, t.size, t.buf, t.base = 0, 0, t.buf[:0], 0
	t.partial, t.maxKnown, t.limit = true, false, 0
}

// lookup finds the entry of an index above the static table. It is nil when unknown, and
// not ok when there can be no such entry.
func (t *table) lookup(index uint64) (e *entry, ok bool) {
	if k := index - numStatic - 1; k < uint64(t.n) {
		return &t.ring[(t.head-1-int(k))&(len(t.ring)-1)], true
	}
	return nil, t.partial
}

func (t *table) value(e *entry) []byte {
	return t.buf[e.pos-t.base:][:e.len]
}

// resize takes a dynamic table size update (RFC 7541 section 6.3).
func (t *table) resize(v uint64) bool {
	if v > 1<<32-1 || t.limit != 0 && v > uint64(t.limit) {
		return false
	}
	t.max, t.maxKnown = uint32(v), true
	t.evict(0)
	return true
}

// evict makes room for size bytes.
func (t *table) evict(size uint32) {
	keep := min(t.max, maxTable)
	exact := t.maxKnown && t.max <= maxTable
	for t.n > 0 && uint64(t.size)+uint64(size) > uint64(keep) {
		oldest := &t.ring[(t.head-t.n)&(len(t.ring)-1)]
		t.size -= oldest.size
		t.n--
		t.partial = !exact
	}
	if exact && uint64(t.size)+uint64(size)+entryOverhead > uint64(keep) {
		t.partial = false // no older entry has room
	}
	if t.n == 0 {
		t.buf, t.base = t.buf[:0], 0
	}
}

// insert adds an entry. value is nil for an unwanted name.
func (t *table) insert(name nameID, nameLen, valueLen int, value []byte) {
	size := uint32(nameLen + valueLen + entryOverhead)
	t.evict(size)
	if size > min(t.max, maxTable) {
		if size <= t.max || !t.maxKnown {
			t.damageOlder()
		}
		return
	}
	if t.n == len(t.ring) {
		t.grow()
	}
	if 2*maxTable < len(t.buf) || len(t.buf)+len(value) > cap(t.buf) {
		t.compact()
	}
	t.ring[t.head] = entry{pos: t.base + uint64(len(t.buf)), len: uint32(len(value)), size: size, nameLen: uint32(nameLen), name: name}
	t.buf = append(t.buf, value...)
	t.head = (t.head + 1) & (len(t.ring) - 1)
	t.n++
	t.size += size
}

// damageOlder notes that the encoder's table holds an entry that is not kept.
func (t *table) damageOlder() {
	t.n, t.size, t.buf, t.base, t.partial = 0, 0, t.buf[:0], 0, true
}

func (t *table) grow() {
	ring := make([]entry, max(16, 2*len(t.ring)))
	for i := range t.n {
		ring[i] = t.ring[(t.head-t.n+i)&(len(t.ring)-1)]
	}
	t.ring, t.head = ring, t.n
}

// compact frees the values of evicted entries.
func (t *table) compact() {
	if t.n == 0 {
		t.buf, t.base = t.buf[:0], 0
		return
	}
	low := t.ring[(t.head-t.n)&(len(t.ring)-1)].pos
	t.buf = t.buf[:copy(t.buf, t.buf[low-t.base:])]
	t.base = low
}
