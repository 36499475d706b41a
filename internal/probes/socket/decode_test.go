// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/stretchr/testify/require"

	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
)

// raw is a record with the data behind it.
func raw(r *objectRec, data string) []byte {
	b := make([]byte, recSize, recSize+len(data))
	copy(b, unsafe.Slice((*byte)(unsafe.Pointer(r)), recSize))
	return append(b, data...)
}

func TestViewAndFill(t *testing.T) {
	r := &objectRec{Nsegs: 2}
	r.Segs[0] = objectSeg{Len: 5, Cap: 5, Dir: 0, Start: 1, End: 2, Seq: 9, Tid: 7, ParentConn: 3, ParentSeq: 4}
	r.Segs[1] = objectSeg{Len: 100, Cap: 3, Dir: 1, LastLen: 8, Last: [8]byte{1}}
	got, data, ok := view(raw(r, "helloabc"))
	require.True(t, ok)
	var s stream.Segment
	data = fill(&s, &got.Segs[0], data)
	require.Equal(t, stream.Segment{Dir: stream.Receive, Segment: segment.Segment{
		Data: []byte("hello"), Len: 5, Start: 1, End: 2, Tag: segment.Tag{TID: 7, Seq: 9, Parent: segment.Ref{Conn: 3, Seq: 4}},
	}}, s)
	data = fill(&s, &got.Segs[1], data)
	require.Empty(t, data)
	require.Equal(t, stream.Segment{Dir: stream.Send, Segment: segment.Segment{Data: []byte("abc"), Len: 100, LastLen: 8, Last: [8]byte{1}}}, s)
}

func TestViewRefusesWhatDoesNotFit(t *testing.T) {
	ok := func(change func(*objectRec), data string) bool {
		r := &objectRec{Nsegs: 1}
		r.Segs[0] = objectSeg{Len: 4, Cap: 4}
		change(r)
		_, _, ok := view(raw(r, data))
		return ok
	}
	require.True(t, ok(func(*objectRec) {}, "data"))
	require.True(t, ok(func(*objectRec) {}, "data and more, as in a reserved record"))
	require.False(t, ok(func(*objectRec) {}, "dat"))
	require.False(t, ok(func(r *objectRec) { r.Nsegs = 5 }, "data"))
	require.False(t, ok(func(r *objectRec) { r.Segs[0].Len = 3 }, "data"))
	require.False(t, ok(func(r *objectRec) { r.Segs[0].Len = 1 << 41 }, "data"))
	require.False(t, ok(func(r *objectRec) { r.Segs[0].Dir = 2 }, "data"))
	require.False(t, ok(func(r *objectRec) { r.Segs[0].LastLen = 9 }, "data"))
	_, _, short := view(make([]byte, recSize-1))
	require.False(t, short)
	_, _, empty := view(nil)
	require.False(t, empty)
}

func TestAddress(t *testing.T) {
	mapped := [16]byte{10: 0xff, 11: 0xff, 12: 127, 15: 1}
	require.Equal(t, netip.MustParseAddrPort("127.0.0.1:80"), address(afInet6, &mapped, 80))
	require.Equal(t, netip.MustParseAddrPort("[::1]:80"), address(afInet6, &[16]byte{15: 1}, 80))
	require.Equal(t, netip.MustParseAddrPort("10.0.0.1:80"), address(afInet, &[16]byte{10, 0, 0, 1}, 80))
	require.False(t, address(1, &[16]byte{}, 0).IsValid())
}

// The generated structs have no padding of their own, so a layout that differs
// from the object's shows in their sizes and offsets.
func TestLayoutIsTheObjects(t *testing.T) {
	spec, err := loadObject()
	require.NoError(t, err)
	for name, size := range map[string]uintptr{"rec": unsafe.Sizeof(objectRec{}), "seg": unsafe.Sizeof(objectSeg{}), "summary": unsafe.Sizeof(objectSummary{})} {
		var s *btf.Struct
		require.NoError(t, spec.Types.TypeByName(name, &s))
		require.Equal(t, size, uintptr(s.Size), name)
	}
	var s *btf.Struct
	require.NoError(t, spec.Types.TypeByName("rec", &s))
	offsets := map[string]uintptr{
		"tgid": unsafe.Offsetof(objectRec{}.Tgid), "role": unsafe.Offsetof(objectRec{}.Role),
		"laddr": unsafe.Offsetof(objectRec{}.Laddr), "segs": unsafe.Offsetof(objectRec{}.Segs),
	}
	for _, m := range s.Members {
		if want, ok := offsets[m.Name]; ok {
			require.Equal(t, want, uintptr(m.Offset.Bytes()), m.Name)
			delete(offsets, m.Name)
		}
	}
	require.Empty(t, offsets)
}

// The configuration gives protocols to the kernel by number. The object's types do not hold
// the enum.
func TestProtocolsAreTheObjects(t *testing.T) {
	header, err := os.ReadFile("../../../bpf/include/proto.h")
	require.NoError(t, err)
	names := regexp.MustCompile(`(?m)^\tPROTO_([A-Z0-9]+),$`).FindAllSubmatch(header, -1)
	require.Len(t, names, 13)
	for i, m := range names {
		name := strings.ToLower(string(m[1]))
		require.Equal(t, name, stream.Proto(i).String())
		if i > 0 {
			known, err := stream.ProtosNamed(name)
			require.NoError(t, err)
			require.Equal(t, []stream.Proto{stream.Proto(i)}, known)
		}
	}
	require.Equal(t, "unknown", stream.Proto(len(names)).String())
	require.Contains(t, string(header), fmt.Sprintf("PROTO_SLOTS = %d,", protoSlots))
}

func TestVariantsAreInTheObject(t *testing.T) {
	for _, v := range variants() {
		spec, err := v.Spec()
		require.NoError(t, err)
		require.NotEmpty(t, v.Programs)
		for _, p := range v.Programs {
			require.Contains(t, spec.Programs, p)
			require.NotEqual(t, ebpf.UnspecifiedProgram, spec.Programs[p].Type)
		}
		for _, s := range attachments[v.Name].sweeps {
			if s.over != "" {
				require.Contains(t, spec.Maps, s.over)
			}
		}
	}
}

func TestConfigBounds(t *testing.T) {
	require.NoError(t, defaultConfig().(*Config).Validate())
	c := defaultConfig().(*Config)
	c.RingSize = 100000
	require.EqualError(t, c.Validate(), "ring_size: 100000 is not a power of two from 65536 to 1073741824")
	c = defaultConfig().(*Config)
	c.MaxRequestCapture = 20000
	require.EqualError(t, c.Validate(), "max_request_capture: 20000 is not from 64 to 12288")
}

func FuzzView(f *testing.F) {
	r := &objectRec{Nsegs: 1}
	r.Segs[0] = objectSeg{Len: 4, Cap: 4}
	f.Add(raw(r, "data"))
	f.Fuzz(func(t *testing.T, b []byte) {
		rec, data, ok := view(b)
		if !ok {
			return
		}
		var s stream.Segment
		for i := range rec.Segs[:rec.Nsegs] {
			data = fill(&s, &rec.Segs[i], data)
			if int64(len(s.Data)) > s.Len {
				t.Fatal("more captured than there was")
			}
		}
	})
}

func TestViewSummary(t *testing.T) {
	whole := func(change func(*objectSummary)) []byte {
		r := &objectSummary{
			Conn: 1, Start: 5, End: 9, Tgid: 3, RequestSize: 2, ResponseSize: 7, Status: 200, Method: 1, Minor: 1, TargetLen: 2,
			Target: [targetSize]uint8{'/', 'a'},
		}
		if change != nil {
			change(r)
		}
		return unsafe.Slice((*byte)(unsafe.Pointer(r)), summarySize+targetSize)
	}
	var s stream.Summary
	require.NotNil(t, viewSummary(whole(nil), &s))
	require.Equal(t, stream.Summary{Start: 5, End: 9, Target: []byte("/a"), RequestSize: 2, ResponseSize: 7, Status: 200, Method: stream.Get, Minor: 1}, s)
	chunked := whole(func(r *objectSummary) { r.TargetLen, r.ResponseSize = 0, unknownSize })
	require.NotNil(t, viewSummary(chunked[:summarySize], &s))
	require.Empty(t, s.Target)
	require.EqualValues(t, -1, s.ResponseSize)

	require.Nil(t, viewSummary(nil, &s))
	require.Nil(t, viewSummary(whole(nil)[:summarySize-1], &s))
	require.Nil(t, viewSummary(whole(nil)[:summarySize], &s), "the target is not there")
	for _, change := range []func(*objectSummary){
		func(r *objectSummary) { r.TargetLen = uint8(targetSize) + 1 },
		func(r *objectSummary) { r.End = 4 },
		func(r *objectSummary) { r.Method = 0 },
		func(r *objectSummary) { r.Minor = 10 },
	} {
		require.Nil(t, viewSummary(whole(change), &s))
	}
}
