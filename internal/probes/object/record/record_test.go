// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package record

import (
	"encoding/binary"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// event is laid out as clang does for BPF.
const event = `
struct event {
	char task[16];
	__u64 delta_us;
	pid_t pid;
	struct { __u32 uid, gid; } by;
	__u32 flags : 3, kind : 5, rest : 24;
	__s32 low : 4;
	__be16 port;
	union { __u8 v4[4]; __u8 v6[16]; } addr;
	__u16 args[3];
	bool ok;
	int ret;
	void *sk;
	double load;
	float part;
	dev_t dev;
	__s64 big : 33;
};`

func parse(t testing.TB, text string) *btf.Struct {
	t.Helper()
	s, err := ParseLayout(text, nil)
	require.NoError(t, err)
	return s
}

func offsets(s *btf.Struct) map[string]uint32 {
	found := map[string]uint32{}
	for _, m := range s.Members {
		found[m.Name] = uint32(m.Offset)
	}
	return found
}

func TestLayoutIsThatOfTheCompiler(t *testing.T) {
	s := parse(t, event)
	assert.Equal(t, "event", s.Name)
	assert.Equal(t, map[string]uint32{
		"task": 0, "delta_us": 16 * 8, "pid": 24 * 8, "by": 28 * 8, "flags": 36 * 8, "kind": 36*8 + 3, "rest": 36*8 + 8,
		"low": 40 * 8, "port": 42 * 8, "addr": 44 * 8, "args": 60 * 8, "ok": 66 * 8, "ret": 68 * 8, "sk": 72 * 8,
		"load": 80 * 8, "part": 88 * 8, "dev": 92 * 8, "big": 96 * 8,
	}, offsets(s))
	assert.EqualValues(t, 104, s.Size)
}

func TestLayoutMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "it has no members",
		"int;":                         "int has no name",
		"int a":                        `"" stands where a semicolon is expected`,
		"int a; int a;":                "two members are called a",
		"foo a;":                       `the type "foo" is not known`,
		"struct foo a;":                "the object has no struct foo",
		"int a[x];":                    "member a: the length of an array must be a number",
		"int a : 33;":                  "member a: 33 bits do not fit int",
		"int a : 0;":                   "member a: a bit field has 1 to 64 bits",
		"struct { int a; } b":          `"" stands where a semicolon is expected`,
		"struct { int a;":              "a brace is open at the end",
		"int a[4294967295];":           "member a: int[4294967295] has 17179869180 bytes, and records have less than 67108864",
		"int (*f)(void);":              `"(*f)(void)" is nothing that a struct has`,
		"/* int a;":                    "a comment has no end",
		"enum { A } a;":                "an enum cannot be declared here: name one of the object's, or use int",
		"int a[65536][65536];":         "member a: int[65536][65536] has 17179869184 bytes, and records have less than 67108864",
		"char a[67108860]; char b[9];": "a record has less than 67108864 bytes",
	} {
		_, err := ParseLayout(text, nil)
		assert.EqualError(t, err, want, text)
	}
}

// sample is a record of the type event.
func sample() []byte {
	b := make([]byte, 104)
	copy(b, "nginx\x00stale")
	binary.LittleEndian.PutUint64(b[16:], 12345)
	binary.LittleEndian.PutUint32(b[24:], 77)
	binary.LittleEndian.PutUint32(b[28:], 33)
	binary.LittleEndian.PutUint32(b[32:], 34)
	binary.LittleEndian.PutUint32(b[36:], 5|17<<3|0xabcdef<<8)
	b[40] = 0xf // -1 in four bits
	binary.BigEndian.PutUint16(b[42:], 8080)
	copy(b[44:], []byte{192, 0, 2, 1})
	for i, v := range []uint16{7, 8, 65535} {
		binary.LittleEndian.PutUint16(b[60+2*i:], v)
	}
	b[66] = 1
	ret := int32(-13)
	binary.LittleEndian.PutUint32(b[68:], uint32(ret))
	binary.LittleEndian.PutUint64(b[72:], 0xffff888000000000)
	binary.LittleEndian.PutUint64(b[80:], 0x3ff8000000000000) // 1.5
	binary.LittleEndian.PutUint32(b[88:], 0x3e800000)         // 0.25
	binary.LittleEndian.PutUint32(b[92:], 8<<20|1)
	binary.LittleEndian.PutUint64(b[96:], 1<<32|5) // negative in 33 bits
	return b
}

func read(t testing.TB, s btf.Type, path string, o Options) any {
	t.Helper()
	f, err := Compile(s, path, o)
	require.NoError(t, err)
	rec := sample()
	require.LessOrEqual(t, f.End(), len(rec))
	var v Value
	f.Read(rec, &v, &Scratch{})
	switch v.Kind {
	case None:
		return nil
	case Int, Ref:
		return v.Int
	case Uint:
		return uint64(v.Int)
	case Float:
		return v.Float
	case Bool:
		return v.Int != 0
	case Text:
		return v.Text
	case Bytes:
		return string(v.Bytes)
	default:
		var all []int64
		for i := range f.Len(&v) {
			all = append(all, f.At(v.Bytes, i))
		}
		return all
	}
}

func TestFields(t *testing.T) {
	s := parse(t, event)
	kinds := &btf.Enum{Name: "kind", Size: 4, Values: []btf.EnumValue{{Name: "OPEN", Value: 17}, {Name: "FAR", Value: 1 << 40}}}
	for _, tt := range []struct {
		path string
		o    Options
		want any
	}{
		{"task", Options{}, "nginx"},
		{"task", Options{Format: HexBytes}, "6e67696e78007374616c650000000000"},
		{"delta_us", Options{}, int64(12345)},
		{"delta_us", Options{Scale: 1e-6}, 0.012345},
		{"pid", Options{}, int64(77)},
		{"by.uid", Options{}, int64(33)},
		{"by.gid", Options{Format: User}, int64(34)},
		{"flags", Options{}, int64(5)},
		{"kind", Options{}, int64(17)},
		{"kind", Options{Format: EnumName, Enum: kinds}, "OPEN"},
		{"flags", Options{Format: EnumName, Enum: kinds}, "5"},
		{"rest", Options{Format: Hex}, "0xabcdef"},
		{"low", Options{}, int64(-1)},
		{"port", Options{}, int64(8080)},
		{"port", Options{Format: Port}, int64(8080)},
		{"args[1]", Options{Format: Port}, int64(0x0800)},
		{"addr.v4", Options{Format: IPv4}, "192.0.2.1"},
		{"addr.v4", Options{Format: IP}, "192.0.2.1"},
		{"addr.v6", Options{Format: IPv6}, "c000:201::"},
		{"addr.v4[3]", Options{}, int64(1)},
		{"args", Options{}, []int64{7, 8, 65535}},
		{"args[2]", Options{}, int64(65535)},
		{"ok", Options{}, true},
		{"ret", Options{}, int64(-13)},
		{"ret", Options{Format: Return}, "EACCES"},
		{"ret", Options{Format: Errno}, "EACCES"},
		{"pid", Options{Format: Return}, nil},
		{"by.uid", Options{Format: Errno}, "EDOM"},
		{"flags", Options{Format: Signal}, "SIGTRAP"},
		{"by.gid", Options{Format: Signal}, "SIGRTMIN+2"},
		{"sk", Options{}, "0xffff888000000000"},
		{"sk", Options{Format: Integer}, uint64(0xffff888000000000)},
		{"load", Options{}, 1.5},
		{"part", Options{}, 0.25},
		{"dev", Options{}, "8:1"},
		{"big", Options{}, int64(5 - 1<<32)},
	} {
		assert.Equal(t, tt.want, read(t, s, tt.path, tt.o), "%s %+v", tt.path, tt.o)
	}
}

func TestFieldMistakes(t *testing.T) {
	s := parse(t, event)
	for _, tt := range []struct {
		path string
		o    Options
		want string
	}{
		{"dleta", Options{}, `field "dleta": struct event has no member "dleta"; it has task, delta_us, pid, by, flags, kind, rest, low, port, addr, args, ok, ret, sk, load, part, dev, big`},
		{"by", Options{}, `field "by": it is an anonymous struct: choose one of its members uid, gid`},
		{"addr", Options{}, `field "addr": it is an anonymous union: choose one of its members v4, v6`},
		{"by.", Options{}, `field "by.": it ends with a dot`},
		{".by", Options{}, `field ".by": a name is missing`},
		{"by..uid", Options{}, `field "by..uid": a name is missing`},
		{"args[3]", Options{}, `field "args[3]": the array has 3 elements, from 0 on`},
		{"args[x]", Options{}, `field "args[x]": "[x]" is no index of an array`},
		{"args[0]x", Options{}, `field "args[0]x": a dot is missing before "x"`},
		{"pid[0]", Options{}, `field "pid[0]": pid_t is no array`},
		{"pid.x", Options{}, `field "pid.x": pid_t has no members, so no "x"`},
		{"sk.family", Options{}, `field "sk.family": "family" is in other memory, which the pointer before it leads to; a record has only what was copied into it`},
		{"task", Options{Format: "text"}, `field "task": "text" is no form of a field; known are bool, boottime, bytes, cgroup, container, device, device_name, enum, errno, hex, int, ip, ipv4, ipv6, kernel_stack, ktime, port, return, signal, string, user, user_stack`},
		{"task", Options{Format: Integer}, `field "task": char[16] cannot be shown as int`},
		{"pid", Options{Format: String}, `field "pid": pid_t cannot be shown as string`},
		{"task", Options{Scale: 2}, `field "task": char[16] cannot be multiplied`},
		{"pid", Options{Format: EnumName}, `field "pid": its numbers have no names: the key enum: names a type that has them`},
		{"", Options{}, `the value: it is struct event: choose one of its members task, delta_us, pid, by, flags, kind, rest, low, port, addr, args, ok, ret, sk, load, part, dev, big`},
	} {
		_, err := Compile(s, tt.path, tt.o)
		assert.EqualError(t, err, tt.want, tt.path)
	}
}

// What is cut from the end of a text is not missed: programs send no more than they have.
func TestTextAtTheEnd(t *testing.T) {
	s := parse(t, "__u32 pid; char args[64];")
	f, err := Compile(s, "args", Options{})
	require.NoError(t, err)
	assert.Equal(t, 4, f.End())
	for _, rec := range []string{"\x00\x00\x00\x00ls\x00-l", "\x00\x00\x00\x00ls", "\x00\x00\x00\x00"} {
		var v Value
		f.Read([]byte(rec), &v, &Scratch{})
		assert.Contains(t, []string{"ls", ""}, string(v.Bytes))
	}
}

func TestLeaves(t *testing.T) {
	var paths []string
	for _, p := range Leaves(parse(t, event)) {
		paths = append(paths, p.Path)
	}
	assert.Equal(t, []string{"task", "delta_us", "pid", "by.uid", "by.gid", "flags", "kind", "rest", "low", "port", "args", "ok", "ret", "sk", "load", "part", "dev", "big"}, paths)
}

func TestTemplate(t *testing.T) {
	var paths []string
	tmpl, err := ParseTemplate("{task} waited {{{delta_us}}} us", func(path string) (int, error) {
		paths = append(paths, path)
		return len(paths) - 1, nil
	})
	require.NoError(t, err)
	got := tmpl.Append(nil, func(buf []byte, field int) []byte { return append(buf, "<"+paths[field]+">"...) })
	assert.Equal(t, "<task> waited {<delta_us>} us", string(got))
	for text, want := range map[string]string{
		"{": `"{": a brace is open at the end`, "a}": `"a}": a brace is closed that is not open; write }} for a brace`,
		"{}": `"{}": the path of a field is missing between braces`,
	} {
		assert.EqualError(t, CheckTemplate(text), want)
	}
}

// twelve are the fields of a record as the purpose says: numbers, texts, names.
func twelve(t testing.TB) []*Field {
	s := parse(t, event)
	kinds := &btf.Enum{Name: "kind", Size: 4, Values: []btf.EnumValue{{Name: "OPEN", Value: 17}}}
	var fields []*Field
	for path, o := range map[string]Options{
		"task": {}, "delta_us": {}, "pid": {}, "by.uid": {}, "by.gid": {}, "flags": {}, "kind": {Format: EnumName, Enum: kinds},
		"port": {}, "addr.v4": {Format: IPv4}, "ret": {Format: Return}, "load": {}, "ok": {},
	} {
		f, err := Compile(s, path, o)
		require.NoError(t, err)
		fields = append(fields, f)
	}
	return fields
}

func TestReadDoesNotAllocate(t *testing.T) {
	fields, rec, s := twelve(t), sample(), &Scratch{}
	values := make([]Value, len(fields))
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		s.Reset()
		for i, f := range fields {
			f.Read(rec, &values[i], s)
		}
	}))
}

func BenchmarkRead12(b *testing.B) {
	fields, rec, s := twelve(b), sample(), &Scratch{}
	values := make([]Value, len(fields))
	b.ReportAllocs()
	for b.Loop() {
		s.Reset()
		for i, f := range fields {
			f.Read(rec, &values[i], s)
		}
	}
}

// FuzzLayout reads arbitrary declarations, and arbitrary records by what they declare.
func FuzzLayout(f *testing.F) {
	f.Add(event, sample())
	f.Add("int a;", []byte{1, 2})
	f.Fuzz(func(t *testing.T, text string, rec []byte) {
		s, err := ParseLayout(text, nil)
		if err != nil {
			return
		}
		var scratch Scratch
		var v Value
		for _, p := range Leaves(s) {
			field, err := CompileAt(p, Options{})
			if err != nil {
				t.Fatalf("%s: %v", p.Path, err)
			}
			if field.End() <= len(rec) {
				field.Read(rec, &v, &scratch)
			}
		}
	})
}
