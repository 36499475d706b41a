// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2/hpack"
)

// Every string that hpack encodes decodes to itself, and its length is known without room.
func TestHuffman(t *testing.T) {
	table := sharedHuffman()
	r := rand.New(rand.NewPCG(1, 1))
	for n := range 300 {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.UintN(256))
		}
		raw := hpack.AppendHuffmanString(nil, string(b))
		out, length, ok := table.decode(nil, raw, 1000)
		if !ok || length != n || string(out) != string(b) {
			t.Fatalf("%q decodes to %q, %d, %v", b, out, length, ok)
		}
		if out, length, ok = table.decode(nil, raw, 2); !ok || length != n || len(out) != min(n, 2) {
			t.Fatalf("length %d of %d", length, n)
		}
	}
	for range 200000 {
		raw := make([]byte, r.IntN(6))
		for i := range raw {
			raw[i] = byte(r.UintN(256))
			if i > 1 {
				raw[i] |= raw[i-1] // long codes begin with ones
			}
		}
		want, err := hpack.HuffmanDecodeToString(raw)
		out, _, ok := table.decode(nil, raw, 1000)
		if ok != (err == nil) || ok && string(out) != want {
			t.Fatalf("%x: %q %v, hpack says %q %v", raw, out, ok, want, err)
		}
	}
}

func TestReadInt(t *testing.T) {
	for _, tt := range []struct {
		b []byte
		n uint8
		v uint64
		r blockResult
	}{
		{[]byte{10}, 5, 10, blockWhole}, {[]byte{31, 154, 10}, 5, 1337, blockWhole}, {[]byte{42}, 8, 42, blockWhole},
		{nil, 7, 0, blockCut}, {[]byte{127}, 7, 0, blockCut}, {[]byte{127, 128}, 7, 0, blockCut},
		{[]byte{127, 255, 255, 255, 255, 15}, 7, 127 + 1<<32 - 1, blockWhole}, {[]byte{127, 128, 128, 128, 128, 128, 1}, 7, 0, blockBad},
	} {
		if v, _, r := readInt(tt.b, tt.n); v != tt.v || r != tt.r {
			t.Errorf("%x: %d, %d", tt.b, v, r)
		}
	}
}

// randomFields draws from few names and values, so that indexes of all kinds occur.
func randomFields(r *rand.Rand) (list []hpack.HeaderField) {
	names := []string{"user-agent", "x-one", "x-two", "cookie", "host", "content-type", "x-b3-traceid", "accept"}
	for range r.IntN(8) {
		f := hpack.HeaderField{Name: names[r.IntN(len(names))], Value: fmt.Sprint(strings.Repeat("v", r.IntN(90)), r.IntN(9))}
		f.Sensitive = r.IntN(12) == 0
		list = append(list, f)
	}
	return list
}

// Blocks that an encoder of another hand wrote are read; after blocks were lost nothing is
// wrong: a field is as it was sent, or unknown.
func TestBlocksWithLosses(t *testing.T) {
	fields, unknown, recovered := 0, 0, 0
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 3))
		c := NewConfig(Options{RequestHeaders: []string{"user-agent", "x-one", "x-two", "cookie", "host", "content-type", "x-b3-traceid", "accept"}})
		p := c.NewParser(func(*Exchange) {})
		var buf strings.Builder
		enc := hpack.NewEncoder(&buf)
		if r.IntN(2) == 0 {
			enc.SetMaxDynamicTableSizeLimit(1 << 20)
		}
		tab := &p.side[Request].table
		tab.reset(true)
		tab.limit = 1 << 20
		lost, damaged := false, false
		for range 60 {
			if r.IntN(15) == 0 {
				enc.SetMaxDynamicTableSize([]uint32{0, 100, 1000, 4096, 100 << 10}[r.IntN(5)])
			}
			want := randomFields(r)
			buf.Reset()
			for _, f := range want {
				enc.WriteField(f)
			}
			if seed%2 == 1 && r.IntN(10) == 0 {
				tab.damage()
				lost, damaged = true, true
				continue
			}
			st := c.newStream()
			h := head{of: Request, trailersKnown: true}
			h.keepIn(c, st, p.bytes)
			before := c.stats.UnknownFields
			if res := c.decodeBlock(tab, []byte(buf.String()), &h); res != blockWhole {
				t.Fatalf("seed %d: block is %d", seed, res)
			}
			var got, sent []string
			for _, x := range st.captured {
				got = append(got, c.requestName(x.index)+"="+string(st.slice(x.span)))
			}
			for _, f := range want {
				sent = append(sent, f.Name+"="+f.Value)
			}
			u := int(c.stats.UnknownFields - before)
			if len(got)+u != len(sent) {
				t.Fatalf("seed %d: %d known and %d unknown of %d fields", seed, len(got), u, len(sent))
			}
			for at := 0; len(got) > 0; at++ { // a subsequence
				i := slices.Index(sent, got[0])
				if i < 0 {
					t.Fatalf("seed %d: %q was not sent", seed, got[0])
				}
				sent, got = sent[i+1:], got[1:]
			}
			if u > 0 && !damaged { // entries whose name is unknown outlast the loss
				t.Fatalf("seed %d: unknown fields without a loss", seed)
			}
			if lost && !tab.partial {
				recovered++
				lost = false
			}
			fields += len(want)
			unknown += u
		}
	}
	if unknown == 0 || recovered == 0 {
		t.Error("losses did not show, or tables never became whole")
	}
	t.Logf("%d fields, %d unknown, %d tables whole again", fields, unknown, recovered)
}

func (c *Config) requestName(index int32) string {
	for _, w := range c.names.list {
		if slices.Contains(w.capture[Request], int(index)) {
			return w.name
		}
	}
	return ""
}

func TestBadBlocks(t *testing.T) {
	for name, b := range map[string]string{
		"index 0": "\x80", "index beyond the table": "\xbe", "literal beyond the table": "\x7e\x01x", "huffman": "\x40\x81\xff\x81\xff",
		"endless integer": "\xff\x80\x80\x80\x80\x80\x80\x01", "table beyond its limit": "\x3f\xff\xff\x7f",
	} {
		c := NewConfig(Options{})
		var tab table
		tab.reset(true)
		if r := c.decodeBlock(&tab, []byte(b), &head{}); r != blockBad {
			t.Errorf("%s: %d", name, r)
		}
	}
}
